//! Topics as they must be: what is missing is made, what is otherwise is mended, and what cannot be mended is said.

use std::{
    collections::BTreeMap,
    fmt,
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
    types::RDKafkaErrorCode,
};

use super::{
    KafkaOptions,
    settings::{Configs, MESSAGE_BYTES},
    sight::Sight,
};
use crate::{Feed, LogError, Topic};

const ANSWER: Duration = Duration::from_secs(10);
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// How often brokers are asked whether they know what the controller has been told.
const LOOK: Duration = Duration::from_millis(100);
const TIMESTAMPS: &str = "message.timestamp.type";
const IN_SYNC: &str = "min.insync.replicas";
const RETENTION: &str = "retention.ms";
/// Settings without which the log would lose what it has acknowledged, or its times.
const FATAL: [&str; 3] = [TIMESTAMPS, "cleanup.policy", "unclean.leader.election.enable"];

/// How topics are kept: what an operator may choose.
#[derive(Debug, Clone)]
pub struct Keeping {
    /// Copies of each partition.
    pub replication: u16,
    /// How long the inbox is kept.
    pub inbox_days: u32,
    /// How long the account log is kept: it is the archive.
    pub account_days: u32,
    /// How long the public feeds are kept.
    pub feed_days: u32,
}

impl Default for Keeping {
    fn default() -> Self {
        Self { replication: 3, inbox_days: 7, account_days: 400, feed_days: 7 }
    }
}

/// A topic as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub name: String,
    pub partitions: u32,
    pub replication: u16,
    /// Its settings, as Kafka writes them.
    pub settings: BTreeMap<&'static str, String>,
}

/// How a topic is otherwise than it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub topic: String,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    Missing,
    /// Keys would lie in other partitions than before: fixed at creation.
    Partitions {
        is: usize,
        should: u32,
    },
    /// Kafka changes it by moving partitions between brokers, which is its operator's to plan.
    Replication {
        is: usize,
        should: u16,
    },
    Setting {
        name: &'static str,
        is: String,
        should: String,
    },
}

impl What {
    /// Whether `apply` mends it.
    pub fn is_mendable(&self) -> bool {
        matches!(self, Self::Missing | Self::Setting { .. })
    }

    /// What `apply` has done about it.
    pub fn mended(&self) -> String {
        match self {
            Self::Missing => "made".to_owned(),
            Self::Setting { name, is, should } => format!("{name} is {should} now, was {is}"),
            Self::Partitions { .. } | Self::Replication { .. } => "left as it is".to_owned(),
        }
    }

    /// Whether records are kept for less long than they should be. Kafka's -1 is for ever.
    fn forgets(&self) -> bool {
        let Self::Setting { name: RETENTION, is, should } = self else { return false };
        let days = |text: &str| text.parse::<i64>().ok().filter(|ms| *ms >= 0);
        days(is).is_some_and(|is| days(should).is_some_and(|should| is < should))
    }

    /// Whether the log cannot be used like that.
    fn is_fatal(&self) -> bool {
        match self {
            Self::Missing | Self::Partitions { .. } => true,
            Self::Setting { name, .. } => FATAL.contains(name),
            Self::Replication { .. } => false,
        }
    }
}

impl Difference {
    /// Whether what one broker alone has taken is acknowledged.
    fn is_lax(&self) -> bool {
        matches!(&self.what, What::Setting { name: IN_SYNC, is, .. } if is == "1")
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "topic {} ", self.topic)?;
        match &self.what {
            What::Missing => write!(f, "is missing"),
            What::Partitions { is, should } => {
                write!(f, "has {is} partitions, not {should}: their number is fixed when a topic is created")
            }
            What::Replication { is, should } => {
                write!(f, "has {is} replicas, not {should}: kafka-reassign-partitions changes that")
            }
            What::Setting { name, is, should } => write!(f, "has {name}={is}, not {should}"),
        }
    }
}

/// Every topic that Perennial uses.
pub fn wanted(options: &KafkaOptions, keeping: &Keeping) -> Vec<Wanted> {
    let wanted = |name, partitions, days| Wanted {
        name,
        partitions,
        replication: keeping.replication,
        settings: settings(keeping, days),
    };
    let topics = Topic::ALL.into_iter();
    let topics =
        topics.map(|topic| wanted(options.name(topic), options.partitions(topic), keeping.days(topic)));
    let feeds = Feed::ALL.into_iter();
    let feeds = feeds.map(|feed| wanted(options.feed(feed), options.account_partitions, keeping.feed_days));
    topics.chain(feeds).collect()
}

impl Wanted {
    /// Its settings where it has fewer copies than it should: more of them than there are cannot be in step.
    fn in_copies(&self, replicas: usize) -> BTreeMap<&'static str, String> {
        let mut settings = self.settings.clone();
        if replicas < usize::from(self.replication) {
            let replication = u16::try_from(replicas).unwrap_or(self.replication);
            settings.insert(IN_SYNC, in_sync(replication).to_string());
        }
        settings
    }
}

/// Of so many copies, how many an append must have reached: one may be away.
fn in_sync(replication: u16) -> u16 {
    replication.saturating_sub(1).max(1)
}

impl Keeping {
    fn days(&self, topic: Topic) -> u32 {
        match topic {
            Topic::Inbox => self.inbox_days,
            // What could not be read is kept as long as what it came from may be asked about.
            Topic::Account | Topic::InboxDead | Topic::AccountDead => self.account_days,
        }
    }
}

fn settings(keeping: &Keeping, days: u32) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        (TIMESTAMPS, "LogAppendTime".to_owned()),
        ("cleanup.policy", "delete".to_owned()),
        ("compression.type", "producer".to_owned()),
        ("max.message.bytes", MESSAGE_BYTES.to_string()),
        (IN_SYNC, in_sync(keeping.replication).to_string()),
        ("retention.bytes", "-1".to_owned()),
        (RETENTION, (i64::from(days) * DAY_MS).to_string()),
        ("unclean.leader.election.enable", "false".to_owned()),
    ])
}

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
        let (admin, asked) = (self.admin.clone(), name.to_owned());
        let asking = tokio::task::spawn_blocking(move || admin.inner().fetch_metadata(Some(&asked), ANSWER));
        let metadata = asking.await.map_err(|stopped| LogError::Transient(stopped.to_string()))?;
        let metadata = metadata.map_err(away)?;
        let Some(topic) = metadata.topics().iter().find(|topic| topic.name() == name) else {
            return Ok(None);
        };
        match topic.error().map(RDKafkaErrorCode::from) {
            Some(RDKafkaErrorCode::UnknownTopicOrPartition) => return Ok(None),
            Some(error) => return Err(LogError::Transient(format!("topic {name}: {error}"))),
            None => {}
        }
        let partitions = topic.partitions();
        let replicas =
            partitions.iter().map(|partition| partition.replicas().len()).min().unwrap_or_default();
        Ok(Some((partitions.len(), replicas)))
    }

    /// A topic's settings, each with whether it is the topic's own.
    async fn settings(&self, name: &str) -> Result<BTreeMap<String, (String, bool)>, LogError> {
        let asked = [ResourceSpecifier::Topic(name)];
        let answers = self.admin.describe_configs(&asked, &options()).await.map_err(away)?;
        let mut settings = BTreeMap::new();
        for answer in answers {
            let resource = answer.map_err(|error| LogError::Transient(format!("topic {name}: {error}")))?;
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

/// That the log's topics are there and can be used.
pub(super) async fn check(options: &KafkaOptions, configs: &Configs) -> Result<(), LogError> {
    let topics = Topics::with(&configs.reader, wanted(options, &Keeping::default()))?;
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
