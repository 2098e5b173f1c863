//! Topics as they must be: what is missing is made, what is otherwise is mended, and what cannot be mended is said.

mod wanted;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig,
    admin::{
        AdminClient, AdminOptions, AlterConfig, ConfigSource, NewTopic, OwnedResourceSpecifier,
        ResourceSpecifier, TopicReplication,
    },
    error::KafkaError,
    metadata::Metadata,
    types::RDKafkaErrorCode,
};

pub use wanted::{Difference, Keeping, Wanted, What, wanted};

use super::{KafkaOptions, settings::Configs, sight::Sight};
use crate::{LogError, Topic};

const ANSWER: Duration = Duration::from_secs(10);
/// How often brokers are asked whether they know what the controller has been told.
const LOOK: Duration = Duration::from_millis(100);

/// Speaks to a cluster about its topics.
pub struct Topics {
    admin: Arc<AdminClient<Sight>>,
    wanted: Vec<Wanted>,
}

impl Topics {
    /// Poison if the options cannot be.
    pub fn new(options: &KafkaOptions, keeping: &Keeping) -> Result<Self, LogError> {
        let configs = Configs::new(options)?;
        Self::with(&configs.reader, wanted(options, keeping))
    }

    fn with(config: &ClientConfig, wanted: Vec<Wanted>) -> Result<Self, LogError> {
        let mut config = config.clone();
        config.remove("group.id");
        let admin = config.create_with_context(Sight::default());
        let admin = Arc::new(admin.map_err(|error| LogError::Poison(error.to_string()))?);
        Ok(Self { admin, wanted })
    }

    /// How the topics are otherwise than they must be.
    pub async fn diff(&self) -> Result<Vec<Difference>, LogError> {
        let mut found = Vec::new();
        for wanted in &self.wanted {
            found.extend(
                self.differences(wanted)
                    .await?
                    .into_iter()
                    .map(|what| Difference { topic: wanted.name.clone(), what }),
            );
        }
        Ok(found)
    }

    /// Makes what is missing and mends what can be; what it mended. What cannot be mended stays for `diff` to say.
    pub async fn apply(&self) -> Result<Vec<Difference>, LogError> {
        let mendable: Vec<Difference> =
            self.diff().await?.into_iter().filter(|difference| difference.what.is_mendable()).collect();
        for wanted in &self.wanted {
            let of_this = || mendable.iter().filter(|difference| difference.topic == wanted.name);
            if of_this().any(|difference| difference.what == What::Missing) {
                self.create(wanted).await?;
            } else if of_this().next().is_some() {
                self.alter(wanted).await?;
            }
        }
        self.settle().await?;
        Ok(mendable)
    }

    /// Brokers hear a little later of what the controller was told.
    async fn settle(&self) -> Result<(), LogError> {
        let begun = Instant::now();
        while self.diff().await?.iter().any(|left| left.what.is_mendable()) && begun.elapsed() < ANSWER {
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    async fn differences(&self, wanted: &Wanted) -> Result<Vec<What>, LogError> {
        let Some((partitions, replicas)) = self.shape(&wanted.name).await? else {
            return Ok(vec![What::Missing]);
        };
        let mut found = Vec::new();
        if partitions != wanted.partitions as usize {
            found.push(What::Partitions { is: partitions, should: wanted.partitions });
        }
        if replicas != usize::from(wanted.replication) {
            found.push(What::Replication { is: replicas, should: wanted.replication });
        }
        let settings = self.settings(&wanted.name).await?;
        for (name, should) in &wanted.in_copies(replicas) {
            let is = settings.get(*name).map_or("", |(value, _)| value);
            if is != should {
                found.push(What::Setting { name, is: is.to_owned(), should: should.clone() });
            }
        }
        Ok(found)
    }

    /// How many partitions a topic has, and replicas of each; none if there is no such topic.
    async fn shape(&self, name: &str) -> Result<Option<(usize, usize)>, LogError> {
        let metadata = self.metadata(name, ANSWER).await?;
        let Some(topic) = metadata.topics().iter().find(|topic| topic.name() == name) else {
            return Ok(None);
        };
        match topic.error().map(RDKafkaErrorCode::from) {
            Some(RDKafkaErrorCode::UnknownTopicOrPartition) => return Ok(None),
            Some(error) => return Err(troubled(name, error)),
            None => {}
        }
        let partitions = topic.partitions();
        let replicas =
            partitions.iter().map(|partition| partition.replicas().len()).min().unwrap_or_default();
        Ok(Some((partitions.len(), replicas)))
    }

    /// What some broker knows of a topic.
    async fn metadata(&self, name: &str, within: Duration) -> Result<Metadata, LogError> {
        let (admin, asked) = (self.admin.clone(), name.to_owned());
        let asking = tokio::task::spawn_blocking(move || admin.inner().fetch_metadata(Some(&asked), within));
        let metadata = asking.await.map_err(|stopped| LogError::Transient(stopped.to_string()))?;
        metadata.map_err(away)
    }

    /// A topic's settings, each with whether it is the topic's own.
    async fn settings(&self, name: &str) -> Result<BTreeMap<String, (String, bool)>, LogError> {
        let asked = [ResourceSpecifier::Topic(name)];
        let answers = self.admin.describe_configs(&asked, &options()).await.map_err(away)?;
        let mut settings = BTreeMap::new();
        for answer in answers {
            let resource = answer.map_err(|error| troubled(name, error))?;
            if resource.specifier != OwnedResourceSpecifier::Topic(name.to_owned()) {
                continue;
            }
            for entry in resource.entries {
                let own = entry.source == ConfigSource::DynamicTopic;
                settings.insert(entry.name, (entry.value.unwrap_or_default(), own));
            }
        }
        Ok(settings)
    }

    async fn create(&self, wanted: &Wanted) -> Result<(), LogError> {
        let partitions = i32::try_from(wanted.partitions).unwrap_or(i32::MAX);
        let replication = TopicReplication::Fixed(wanted.replication.into());
        let mut topic = NewTopic::new(&wanted.name, partitions, replication);
        for (name, value) in &wanted.settings {
            topic = topic.set(name, value);
        }
        let made = self.admin.create_topics([&topic], &options()).await.map_err(away)?;
        match made.into_iter().next() {
            // Somebody else was faster.
            Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) | Some(Ok(_)) | None => Ok(()),
            Some(Err((name, error))) => Err(refused(&name, error)),
        }
    }

    /// Kafka takes a topic's settings as a whole, so those that are not ours are said again.
    async fn alter(&self, wanted: &Wanted) -> Result<(), LogError> {
        let Some((_, replicas)) = self.shape(&wanted.name).await? else { return Ok(()) };
        let ours = wanted.in_copies(replicas);
        let theirs = self.settings(&wanted.name).await?;
        let mut settings: BTreeMap<&str, &str> = theirs
            .iter()
            .filter(|(_, (_, own))| *own)
            .map(|(name, (value, _))| (name.as_str(), value.as_str()))
            .collect();
        settings.extend(ours.iter().map(|(name, value)| (*name, value.as_str())));
        let mut altered = AlterConfig::new(ResourceSpecifier::Topic(&wanted.name));
        for (name, value) in settings {
            altered = altered.set(name, value);
        }
        let outcome = self.admin.alter_configs([&altered], &options()).await.map_err(away)?;
        match outcome.into_iter().next() {
            Some(Err((_, error))) => Err(refused(&wanted.name, error)),
            Some(Ok(_)) | None => Ok(()),
        }
    }
}

/// That the log's topics are there and can be used. Transient if no broker answers within a time.
pub(super) async fn check(
    options: &KafkaOptions,
    configs: &Configs,
    within: Duration,
) -> Result<(), LogError> {
    let topics = Topics::with(&configs.reader, wanted(options, &Keeping::default()))?;
    topics.metadata(&options.name(Topic::Inbox), within).await?;
    let found = topics.diff().await?;
    let fatal: Vec<&Difference> = found.iter().filter(|found| found.what.is_fatal()).collect();
    if !fatal.is_empty() {
        let said: Vec<String> = fatal.iter().map(ToString::to_string).collect();
        return Err(LogError::Poison(format!("{}{}", said.join("; "), advice(&fatal))));
    }
    found.iter().filter(|found| found.is_lax()).for_each(|found| {
        tracing::warn!("{found}: one broker that dies may take acknowledged records with it");
    });
    let archive = options.name(Topic::Account);
    found.iter().filter(|found| found.topic == archive && found.what.forgets()).for_each(|found| {
        tracing::warn!("{found}: what is older is forgotten, and no rule that is new can ask for it");
    });
    Ok(())
}

/// What to do about topics that cannot be used.
fn advice(fatal: &[&Difference]) -> &'static str {
    if fatal.iter().any(|found| matches!(found.what, What::Partitions { .. })) {
        return " (--kafka-inbox-partitions and --kafka-account-partitions say how many there are)";
    }
    " (`perennial topics apply` mends that)"
}

/// What is not allowed does not pass by waiting.
fn troubled(name: &str, error: RDKafkaErrorCode) -> LogError {
    let told = format!("topic {name}: {error}");
    match error {
        RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::ClusterAuthorizationFailed => {
            LogError::Poison(format!(
                "{told} (reading, and describing topics and their settings, must be allowed)"
            ))
        }
        _ => LogError::Transient(told),
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(ANSWER)).operation_timeout(Some(ANSWER))
}

fn away(error: KafkaError) -> LogError {
    LogError::Transient(error.to_string())
}

fn refused(name: &str, error: RDKafkaErrorCode) -> LogError {
    let advice = match error {
        RDKafkaErrorCode::InvalidReplicationFactor => {
            ": there are not so many brokers (--kafka-replication says how many copies)"
        }
        _ => "",
    };
    LogError::Poison(format!("topic {name}: {error}{advice}"))
}
