//! workflow: what is to be done about an account, and who is told: playbooks, CTAs, notifications.
//!
//! It folds the account log, says what changes there, performs what it has decided, and answers from Postgres.

mod answers;
mod api;
mod config;
mod endpoints;
mod facts;
mod fold;
mod outside;
mod shown;
mod store;

use std::sync::Arc;

use chassis::{
    Tasks,
    grpc::{MAX_DECODED, MAX_ENCODED},
    postgres::migrate,
    workers::{Feeding, Work, Workers, told},
};
use contracts::{
    cta::cta_service_server::CtaServiceServer, renewal::renewal_service_server::RenewalServiceServer,
};
use domain::decision::Decision;
use engine::{Act, Decided, Projected, Worker};
use ephemera::{Channel, Ephemera};
use eventlog::{Feed, Log, Topic};
use sqlx::PgPool;
use tokio::sync::mpsc;
use tonic::service::Routes;

pub use config::{Config, Mail, SLACK_API};
pub use endpoints::Savers;
pub use fold::{Account, WorkflowFold};
use outside::{Actor, Caller, Directory, Due, Ledger, Mailer, Sender, Tally};

/// What the service stands on.
pub struct Ports {
    pub log: Arc<dyn Log>,
    pub pool: PgPool,
    pub workers: Workers,
    /// What all replicas of workflow share.
    pub ephemera: Ephemera,
}

/// Brings the database up to date, starts the sender and a worker for each partition assigned, and returns the gRPC routes to
/// serve.
pub async fn start(config: Config, ports: Ports, tasks: &Tasks) -> anyhow::Result<Routes> {
    migrate(&ports.pool, &engine::postgres::migrator()).await?;
    migrate(&ports.pool, &sqlx::migrate!()).await?;
    let met = Savers::start(tasks, &ports.pool);
    let due = start_sender(&config, &ports, tasks)?;
    start_workers(&config, &ports, met, due);
    let Ports { log, pool, workers, ephemera } = ports;
    let renewals = api::RenewalApi { pool: pool.clone() };
    let clocks = workers.clocks(&pool, Topic::Account);
    let answers = ephemera.board.hear(Channel::Answers);
    let (command_deadline, shutdown) = (config.command_deadline, tasks.shutdown());
    let api = api::CtaApi { log, pool, clocks, answers, command_deadline, shutdown };
    let server = CtaServiceServer::new(api)
        .max_decoding_message_size(MAX_DECODED)
        .max_encoding_message_size(MAX_ENCODED);
    let renewals = RenewalServiceServer::new(renewals)
        .max_decoding_message_size(MAX_DECODED)
        .max_encoding_message_size(MAX_ENCODED);
    Ok(Routes::new(server).add_service(renewals))
}

fn start_sender(config: &Config, ports: &Ports, tasks: &Tasks) -> anyhow::Result<mpsc::Sender<Due>> {
    let (due, queue) = outside::queue();
    let sender = Sender {
        log: ports.log.clone(),
        ledger: Ledger::open(ports.pool.clone(), tasks),
        caller: Caller::new(config.longest_call, config.allow_loopback)?,
        mailer: Mailer::new(config.mail.as_ref(), config.longest_call)?,
        directory: Directory::at(config.directory.as_deref())?,
        slack_api: config.slack_api.clone(),
        pace: outside::Pace::default(),
        tally: Tally::new(ports.workers.metrics()),
    };
    tasks.spawn("sender", sender.run(config.clone(), queue, tasks.shutdown()));
    Ok(due)
}

fn start_workers(config: &Config, ports: &Ports, met: Savers, due: mpsc::Sender<Due>) {
    let act = move || -> Act<Decided<Decision>> {
        let mut actor = Actor::new(due.clone());
        told("workflow", Decision::name, move |decided, age| actor.act(decided, age))
    };
    let board = ports.ephemera.board.clone();
    let work = Work {
        service: "workflow",
        topic: Topic::Account,
        pool: ports.pool.clone(),
        project: |conn, items| Box::pin(store::project(conn, items)),
        feed: Some(Feeding { feed: Feed::CtaChanged, copy: |item| item.decided().and_then(fold::copy) }),
        stored: Some(Arc::new(move |items: &[Projected<Decision, shown::Shown>]| {
            answers::tell(&*board, items)
        })),
        act,
    };
    let longest_call = i64::try_from(config.longest_call.as_millis()).unwrap_or(i64::MAX / 2);
    let worker = config.worker.clone();
    ports.workers.start(work, move |ports, partition, counters| {
        let fold = WorkflowFold { longest_call, met: met.clone() };
        Worker::start(fold, ports, partition, worker.clone(), counters)
    });
}
