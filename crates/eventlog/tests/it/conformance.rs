//! What every log must keep.

use std::sync::{Arc, Mutex};

use eventlog::postgres::{MIGRATOR, PgLogOptions};
use testkit::{
    conformance::{PROPERTIES, Subject, appends_fail_and_succeed_again},
    servers::OwnPostgres,
};

use crate::support::{Opened, database, on_a_thread};

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_what_every_log_must_keep() -> anyhow::Result<()> {
    for (name, property) in PROPERTIES {
        let database = database().await?;
        let one = Opened::open(&database.pool, PgLogOptions::default()).await?;
        let other = Opened::open(&database.pool, PgLogOptions::default()).await?;
        let subject = Subject { log: Arc::clone(&one.log) as _, other: Arc::clone(&other.log) as _ };
        eprintln!("{name}");
        on_a_thread(move || property(&subject)).await;
        one.close().await?;
        other.close().await?;
        database.pool.close().await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_it_from_disk_when_memory_holds_next_to_nothing() -> anyhow::Result<()> {
    for (name, property) in PROPERTIES {
        let database = database().await?;
        let options = PgLogOptions { tail_bytes: 1, ..PgLogOptions::default() };
        let opened = Opened::open(&database.pool, options).await?;
        let subject = Subject { log: Arc::clone(&opened.log) as _, other: Arc::clone(&opened.log) as _ };
        eprintln!("{name}");
        on_a_thread(move || property(&subject)).await;
        opened.close().await?;
        database.pool.close().await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_outlives_its_server() -> anyhow::Result<()> {
    let server = OwnPostgres::start()?;
    let database = server.database(&[&MIGRATOR]).await?;
    let opened = Opened::open(&database.pool, PgLogOptions::default()).await?;
    let (log, server) = (Arc::clone(&opened.log), Mutex::new(server));
    on_a_thread(move || {
        let stop = || server.lock().unwrap().stop().unwrap();
        let start = || server.lock().unwrap().start_again().unwrap();
        appends_fail_and_succeed_again(&*log, stop, start);
    })
    .await;
    opened.close().await
}
