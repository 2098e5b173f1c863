//! What goes wrong in a cluster: one fault at a time, each from its beginning until everything is as it was.

use std::{
    os::unix::process::ExitStatusExt,
    process::ExitStatus,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use sqlx::{Connection, PgConnection};
use testkit::{
    cluster::{Cluster, NotStarted},
    proxy::{Network, Proxy},
    servers::{OwnKafka, OwnPostgres, OwnRedis},
};
use tokio::{task::block_in_place, time::sleep};

use super::{
    doors::Doors,
    people::People,
    receiver::{Mood, Receiver},
};

/// A process that does not come to its point is killed.
const POINT: Duration = Duration::from_secs(20);
/// The group's session is 6 s: who is stopped longer has lost its partitions.
pub(super) const SESSION: Duration = Duration::from_secs(6);
const LOOK: Duration = Duration::from_millis(50);
/// What a process gets that dies at a point of the code.
const SIGABRT: i32 = 6;

/// A cluster, what it stands on, and the networks between.
pub(super) struct Ground {
    pub(super) cluster: Cluster,
    pub(super) kafka: OwnKafka,
    pub(super) postgres: OwnPostgres,
    pub(super) redis: OwnRedis,
    pub(super) to_kafka: Proxy,
    pub(super) to_postgres: Proxy,
    pub(super) doors: Doors,
    pub(super) receiver: Receiver,
}

pub(super) type Who = (&'static str, usize);

#[derive(Debug, Clone)]
pub(super) enum Fault {
    Kill(Vec<Who>),
    DiesAt(&'static str, Who, u64),
    Stops(Who, Duration),
    Leaves(Who),
    Joins(&'static str),
    BrokerDies(Duration),
    PostgresDies(Duration),
    RedisIsFlushed,
    RedisDies(Duration),
    RedisHangs(Duration),
    Locked(&'static str, Duration),
    ToKafka(Network, Duration),
    ToPostgres(Network, Duration),
    ReceiverIs(Mood, Duration),
}

impl Fault {
    /// One word for what kind it is.
    pub(super) fn kind(&self) -> String {
        match self {
            Self::Kill(_) => "kill -9".into(),
            Self::DiesAt(point, ..) => format!("dies at {point}"),
            Self::Stops(..) => "SIGSTOP".into(),
            Self::Leaves(_) => "leaves".into(),
            Self::Joins(_) => "joins".into(),
            Self::BrokerDies(_) => "broker dies".into(),
            Self::PostgresDies(_) => "Postgres dies".into(),
            Self::RedisIsFlushed => "Redis is flushed".into(),
            Self::RedisDies(_) => "Redis dies".into(),
            Self::RedisHangs(_) => "Redis hangs".into(),
            Self::Locked(..) => "locked".into(),
            Self::ToKafka(network, _) => format!("Kafka {}", word(*network)),
            Self::ToPostgres(network, _) => format!("Postgres {}", word(*network)),
            Self::ReceiverIs(mood, _) => format!("receiver {mood:?}"),
        }
    }

    /// Happens, and ends. Whether it happened: not everybody comes to a point of the code in time.
    pub(super) async fn happen(&self, ground: &mut Ground, people: &People) -> Result<bool> {
        if let Self::DiesAt(point, who, times) = self {
            return ground.die_at(point, *who, *times).await;
        }
        self.come_and_go(ground, people).await.map(|()| true)
    }

    async fn come_and_go(&self, ground: &mut Ground, people: &People) -> Result<()> {
        match self {
            Self::Kill(whom) => ground.kill(whom).await,
            Self::DiesAt(..) => Ok(()),
            Self::Stops(who, how_long) => ground.stop(*who, *how_long).await,
            Self::Leaves(who) => ground.leave(*who).await,
            Self::Joins(service) => ground.join(service).await,
            Self::BrokerDies(how_long) => {
                ground.kafka.kill()?;
                sleep(*how_long).await;
                block_in_place(|| ground.kafka.start_again())
            }
            Self::PostgresDies(how_long) => {
                block_in_place(|| ground.postgres.kill())?;
                sleep(*how_long).await;
                block_in_place(|| ground.postgres.start_again())
            }
            Self::RedisIsFlushed => block_in_place(|| ground.redis.flush()),
            Self::RedisDies(how_long) => {
                block_in_place(|| ground.redis.kill())?;
                sleep(*how_long).await;
                block_in_place(|| ground.redis.start_again())
            }
            Self::RedisHangs(how_long) => {
                ground.redis.hang()?;
                sleep(*how_long).await;
                ground.redis.go_on()
            }
            Self::Locked(service, how_long) => ground.lock(service, *how_long).await,
            Self::ToKafka(network, how_long) => pass(&ground.to_kafka, *network, *how_long).await,
            Self::ToPostgres(network, how_long) => pass(&ground.to_postgres, *network, *how_long).await,
            Self::ReceiverIs(mood, how_long) => {
                ground.receiver.be(*mood);
                sleep(*how_long).await;
                ground.receiver.be(Mood::Good);
                if *mood == Mood::Gone { people.enable().await } else { Ok(()) }
            }
        }
    }
}

impl Ground {
    /// Fails if a process has ended that nobody killed.
    pub(super) fn check_alive(&mut self) -> Result<()> {
        let all: Vec<Who> = self.cluster.replicas().map(|(service, number, _)| (service, number)).collect();
        all.into_iter().try_for_each(|who| self.lives(who))
    }

    fn lives(&mut self, (service, number): Who) -> Result<()> {
        let replica = self.cluster.replica_mut(service, number);
        let ended = replica.with_context(|| format!("no {service} {number}"))?.ended()?;
        ensure!(ended.is_none(), "{service} {number} ended by itself: {ended:?}");
        Ok(())
    }

    /// SIGKILL, to one that lives.
    async fn kill_one(&mut self, who: Who) -> Result<()> {
        self.lives(who)?;
        self.check_before_end(who).await?;
        self.cluster.kill(who.0, who.1)
    }

    fn begin(&mut self, (service, number): Who) -> Result<()> {
        block_in_place(|| self.cluster.start(service, number))?;
        self.doors.lead_to(&self.cluster);
        Ok(())
    }

    async fn kill(&mut self, whom: &[Who]) -> Result<()> {
        let mut dead: Vec<Who> = whom.to_vec();
        dead.sort_unstable();
        dead.dedup();
        for who in &dead {
            self.lives(*who)?;
            self.check_before_end(*who).await?;
        }
        dead.iter().try_for_each(|(service, number)| self.cluster.kill(service, *number))?;
        self.doors.lead_to(&self.cluster);
        dead.into_iter().try_for_each(|who| self.begin(who))
    }

    /// It dies where it is at its point for the n-th time. Not every point is come to in time: then it is killed. Whether
    /// it died there.
    async fn die_at(&mut self, point: &str, (service, number): Who, times: u64) -> Result<bool> {
        self.kill_one((service, number)).await?;
        let failpoint = format!("{point}:{times}");
        // It may die before it answers.
        let started =
            block_in_place(|| self.cluster.start_with(service, number, &[("FAILPOINT", &failpoint)]));
        let ended = match started {
            Ok(()) => self.wait_for_end((service, number)).await?,
            Err(error) => match error.downcast_ref::<NotStarted>() {
                Some(NotStarted { ended: Some(ended), .. }) => Some(*ended),
                _ => return Err(error),
            },
        };
        println!("  died: {ended:?}");
        let aborted = ended.map(|ended| ended.signal() == Some(SIGABRT));
        ensure!(aborted != Some(false), "{service} {number} ended by itself: {ended:?}");
        self.begin((service, number))?;
        Ok(aborted.is_some())
    }

    /// How it ended, if it did in time; then it has.
    async fn wait_for_end(&mut self, (service, number): Who) -> Result<Option<ExitStatus>> {
        self.doors.lead_to(&self.cluster);
        let begun = Instant::now();
        let armed = self.cluster.replica_mut(service, number).context("it was started")?;
        while armed.ended()?.is_none() && begun.elapsed() < POINT {
            sleep(LOOK).await;
        }
        let ended = armed.ended()?;
        if ended.is_none() {
            self.check_before_end((service, number)).await?;
        }
        self.cluster.kill(service, number)?;
        Ok(ended)
    }

    async fn stop(&mut self, (service, number): Who, how_long: Duration) -> Result<()> {
        self.cluster.replica(service, number).context("nobody to stop")?.signal("STOP")?;
        sleep(how_long).await;
        self.cluster.replica(service, number).context("nobody to go on")?.signal("CONT")
    }

    async fn leave(&mut self, (service, number): Who) -> Result<()> {
        self.check_before_end((service, number)).await?;
        let leaving = self.cluster.replica_mut(service, number).context("nobody to leave")?;
        leaving.signal("TERM")?;
        let begun = Instant::now();
        while leaving.ended()?.is_none() {
            ensure!(begun.elapsed() < Duration::from_secs(30), "{service} {number} does not end");
            sleep(LOOK).await;
        }
        let ended = leaving.ended()?.context("it has ended")?;
        ensure!(ended.success(), "{service} {number} ended with {ended}");
        println!("  left after {:?}", begun.elapsed());
        self.cluster.kill(service, number)?;
        self.begin((service, number))
    }

    /// A third one, for a while.
    async fn join(&mut self, service: &'static str) -> Result<()> {
        self.begin((service, 2))?;
        sleep(SESSION).await;
        self.kill_one((service, 2)).await?;
        self.doors.lead_to(&self.cluster);
        Ok(())
    }

    /// Nobody can write a service's checkpoints meanwhile.
    async fn lock(&mut self, service: &str, how_long: Duration) -> Result<()> {
        let database = format!("perennial_{}", service.replace('-', "_"));
        let mut connection = PgConnection::connect_with(&self.postgres.options().database(&database)).await?;
        let mut transaction = connection.begin().await?;
        sqlx::query("LOCK TABLE engine.checkpoints IN ACCESS EXCLUSIVE MODE")
            .execute(&mut *transaction)
            .await?;
        sleep(how_long).await;
        Ok(transaction.rollback().await?)
    }
}

async fn pass(proxy: &Proxy, network: Network, how_long: Duration) -> Result<()> {
    proxy.be(network);
    sleep(how_long).await;
    proxy.be(Network::Sound);
    Ok(())
}

fn word(network: Network) -> &'static str {
    match network {
        Network::Sound => "sound",
        Network::Slow(_) => "slow",
        Network::Cut => "cut off",
        Network::HalfOpen => "half-open",
    }
}
