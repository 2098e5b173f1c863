//! Files of accounts, contacts, contracts and history, imported as somebody types it: what arrives, what is set aside, and what a
//! kill costs.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Output,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use contracts::{
    ingest::{GetContactRequest, admin_service_client::AdminServiceClient},
    log::ClockKind,
    segment::{ListMembersRequest, segment_service_client::SegmentServiceClient},
};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value as Json, json};
use tokio::task::spawn_blocking;

use crate::{
    process::{Home, Perennial, alone, program},
    stage::Stage,
};

const WORKSPACE: &str = "acme";
const ACCOUNTS: u64 = 20;
/// Of each account, as history: in three pieces, of which the second is killed.
const ORDERS: u64 = 500;
const SOON: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);

#[tokio::test(flavor = "multi_thread")]
async fn files_are_imported_row_by_row_and_a_kill_counts_none_of_them_twice() -> Result<()> {
    let _alone = alone().await;
    let stage = Stage::new(Home::new(20)?).await?;
    imported(&stage).await.with_context(|| format!("it said:\n{}\n", stage.home.complaints()))?;
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_that_nobody_confirmed_and_what_is_asked_for_is_said() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file =
        write(folder.path(), "accounts.csv", "Account ID,Company,ARR\nA1,Acme,\"$1,200\"\nA2,Bolt,lots\n")?;
    let nobody = Importer { url: "http://127.0.0.1:1".to_owned(), key: "pk_none".to_owned() };
    let asked = nobody.run("accounts", &file, &[]).await?;
    ensure!(asked.status == Some(1) && asked.err.contains("--yes takes it as it stands"), "{asked:?}");
    ensure!(asked.out.contains("trait arr_minor  money  $1,200        120000"), "{}", asked.out);
    let dry = nobody.run("accounts", &file, &["--dry-run"]).await?;
    ensure!(dry.status == Some(1) && dry.out.contains("1 rows would be sent; nothing was."), "{dry:?}");
    ensure!(dry.err.contains("accounts.csv:3: ARR: \"lots\" is no number"), "{}", dry.err);
    let mapping = folder.path().join("m.yaml").display().to_string();
    let written = nobody.run("accounts", &file, &["--write-mapping", &mapping]).await?;
    ensure!(written.status == Some(0) && written.out.contains("--mapping"), "{written:?}");
    fs::write(&mapping, fs::read_to_string(&mapping)?.replace("Company", "Compny"))?;
    let wrong = nobody.run("accounts", &file, &["--mapping", &mapping]).await?;
    ensure!(wrong.err.contains("no column `Compny`; did you mean `Company`?"), "{wrong:?}");
    let away = nobody.run("accounts", &file, &["--yes"]).await?;
    ensure!(away.status == Some(1) && away.err.contains("nothing answers at http://127.0.0.1:1"), "{away:?}");
    ensure!(fs::read_dir(folder.path())?.count() == 2, "it leaves files though nothing was sent");
    Ok(())
}

async fn imported(stage: &Stage) -> Result<()> {
    let mut process = Perennial::start(&stage.home).await?;
    stage.client.create(WORKSPACE, ClockKind::Wall).await?;
    stage.client.apply(WORKSPACE, &definitions()).await?;
    let key = stage.client.write_key(WORKSPACE).await?;
    let ready = process.ready().await?;
    let importer = Importer { url: ready.http, key };
    let folder = stage.home.folder();
    accounts(stage, &importer, folder).await?;
    contacts(stage, &importer, folder).await?;
    contracts(stage, &importer, folder, &ready.grpc).await?;
    history(stage, &importer, folder).await?;
    process.is_up()
}

fn definitions() -> Json {
    let orders = json!({"count": {"event": "Ordered", "window": {"days": 60}}});
    json!({
        "measures": {"orders": orders, "due": {"contract": {"of": "value_due", "days": 4_000}}},
        "segments": {
            "large": {"when": {"trait": "employees", "at_least": 115}},
            "championed": {"when": {"contacts": "any", "where": {"trait": "champion", "is": true}}},
            "worth": {"when": {"measure": "due", "at_least": 120_050}},
            "counted": {"when": {"measure": "orders", "is": ORDERS}},
        },
    })
}

/// One of them is wrong, is mended where it was set aside, and imported from there.
async fn accounts(stage: &Stage, importer: &Importer, folder: &Path) -> Result<()> {
    let mut text = "Account ID,Company,Employees,ARR\n".to_owned();
    for n in 0..ACCOUNTS {
        let employees = if n == 19 { "many".to_owned() } else { (100 + n).to_string() };
        text += &format!("A{n},\"Acme {n}, Inc\",{employees},\"$1,200.50\"\n");
    }
    let file = write(folder, "accounts.csv", &text)?;
    let said = importer.run("accounts", &file, &["--yes"]).await?;
    ensure!(said.status == Some(1) && said.out.contains("19 rows of"), "{said:?}");
    ensure!(said.err.contains("accounts.csv:21: Employees: \"many\" is no number"), "{}", said.err);
    let aside = folder.join("accounts.rejected.csv");
    let mended = fs::read_to_string(&aside)?.replacen("many", "119", 1);
    fs::write(&aside, mended)?;
    let said = importer.run("accounts", &aside, &["--yes"]).await?;
    ensure!(said.status == Some(0), "{said:?}");
    members(stage, "large", &(15..20).map(|n| format!("A{n}")).collect()).await
}

async fn contacts(stage: &Stage, importer: &Importer, folder: &Path) -> Result<()> {
    let mut text = String::new();
    for n in 0..ACCOUNTS {
        let contact = json!({"id": format!("c{n}"), "email": format!("ada{n}@acme.example"), "account_id": format!("A{n}"),
            "firstName": "Ada", "champion": n == 7});
        text += &format!("{contact}\n");
    }
    let file = write(folder, "contacts.ndjson", &text)?;
    let said = importer.run("contacts", &file, &["--yes"]).await?;
    ensure!(said.status == Some(0) && said.out.contains("20 rows of"), "{said:?}");
    members(stage, "championed", &["A7".to_owned()].into()).await?;
    let asked = GetContactRequest { workspace: WORKSPACE.to_owned(), contact: "c7".to_owned() };
    let get = async |channel| AdminServiceClient::new(channel).get_contact(asked.clone()).await;
    let found = stage.client.ask(get).await?.into_inner();
    ensure!(found.accounts == ["A7"] && found.names_json.contains("ada7@acme.example"), "{found:?}");
    Ok(())
}

/// What ingest finds wrong in a term it tells; what is right is listed, and summed up by month.
async fn contracts(stage: &Stage, importer: &Importer, folder: &Path, grpc: &str) -> Result<()> {
    let text = "Contract No,Account ID,Renewal Date,ARR,Currency,Status\n\
                C-1,A3,2031-03-31,\"$1,200.50\",USD,active\n\
                C-2,A3,2031-03-01,7,USD,renewed\n\
                C-3,A4,2031-03-31,7,dollars,active\n";
    let file = write(folder, "contracts.csv", text)?;
    let said = importer.run("contracts", &file, &["--yes"]).await?;
    ensure!(said.status == Some(0) && said.out.contains("3 rows of"), "{said:?}");
    members(stage, "worth", &["A3".to_owned()].into()).await?;
    let ask = async |words: &[&str]| {
        let mut command = program();
        command.args(words).args(["--workspace", WORKSPACE, "--grpc", grpc]);
        let Output { stdout, .. } = spawn_blocking(move || command.output()).await??;
        anyhow::Ok(String::from_utf8(stdout)?)
    };
    let begun = Instant::now();
    let mut listed = String::new();
    while !listed.contains("C-1") || !listed.contains("C-2") {
        ensure!(begun.elapsed() < SOON, "{listed}");
        tokio::time::sleep(LOOK).await;
        listed = ask(&["renewals", "list"]).await?;
    }
    ensure!(listed.contains("2031-03-31  2031-03-31  A3") && listed.contains("1200.50 USD"), "{listed}");
    let months: Json = serde_json::from_str(&ask(&["renewals", "forecast", "--output", "json"]).await?)?;
    ensure!(months[0]["arr_minor"] == "120750" && months[0]["renewing_minor"] == "700", "{months}");
    let empty = ask(&["renewals", "forecast", "--to", "2030-01-01"]).await?;
    ensure!(empty.starts_with("MONTH") && empty.lines().count() == 1, "{empty}");
    let refused = ask(&["quarantine", "ls"]).await?;
    ensure!(refused.contains("currency: \"dollars\" is no currency"), "{refused}");
    Ok(())
}

/// Killed when a piece was sent and that was not noted, and then started again with the same arguments.
async fn history(stage: &Stage, importer: &Importer, folder: &Path) -> Result<()> {
    let before = stage.client.workspace(WORKSPACE).await?.events;
    let mut text = "Timestamp;User ID;Account ID;Event\n".to_owned();
    let begin = Timestamp::from_millisecond(chassis::clock::now())?.checked_sub((24 * 30).hours())?;
    for n in 0..ORDERS * ACCOUNTS {
        let (of, at) = (n % ACCOUNTS, begin.checked_add(i64::try_from(n)?.minutes())?);
        text += &format!("{at};c{of};A{of};Ordered\n");
    }
    text += "soon;c1;A1;Ordered\n";
    let file = write(folder, "history.csv", &text)?;
    let killed = importer.killed("history", &file, "import-sent:2").await?;
    ensure!(killed.status.is_none(), "it was not killed: {killed:?}");
    fs::write(&file, format!("{text}\n"))?;
    let changed = importer.run("history", &file, &["--yes"]).await?;
    ensure!(
        changed.err.contains("history.csv has changed") && changed.err.contains("4000 rows"),
        "{changed:?}"
    );
    fs::write(&file, &text)?;
    let said = importer.run("history", &file, &["--yes"]).await?;
    ensure!(said.status == Some(1) && said.out.contains("Going on after line 4001"), "{said:?}");
    ensure!(said.err.contains("history.csv:10002: Timestamp: \"soon\" is no time"), "{}", said.err);
    members(stage, "counted", &(0..ACCOUNTS).map(|n| format!("A{n}")).collect()).await?;
    let events = stage.client.workspace(WORKSPACE).await?.events - before;
    ensure!(events == ORDERS * ACCOUNTS, "{events} events were counted");
    ensure!(!folder.join("history.csv.progress").exists(), "it still remembers how far it came");
    Ok(())
}

/// Returns when the segment has these members.
async fn members(stage: &Stage, segment: &str, expected: &BTreeSet<String>) -> Result<()> {
    let (workspace, segment) = (WORKSPACE.to_owned(), segment.to_owned());
    let asked = ListMembersRequest { workspace, segment, page_size: 1000, ..Default::default() };
    let list = async |channel| SegmentServiceClient::new(channel).list_members(asked.clone()).await;
    let begun = Instant::now();
    loop {
        let members = stage.client.ask(list).await?.into_inner().members;
        let members: BTreeSet<String> = members.into_iter().map(|member| member.account).collect();
        if members == *expected {
            return Ok(());
        }
        ensure!(begun.elapsed() < SOON, "{} has {members:?}, and not {expected:?}", asked.segment);
        tokio::time::sleep(LOOK).await;
    }
}

fn write(folder: &Path, name: &str, text: &str) -> Result<PathBuf> {
    let file = folder.join(name);
    fs::write(&file, text)?;
    Ok(file)
}

/// The command, against services that answer there.
struct Importer {
    url: String,
    key: String,
}

/// What it said, and how it ended: without a status if it was killed.
#[derive(Debug)]
struct Said {
    status: Option<i32>,
    out: String,
    err: String,
}

impl Importer {
    async fn run(&self, kind: &str, file: &Path, more: &[&str]) -> Result<Said> {
        self.import(kind, file, more, None).await
    }

    /// Dies at that point.
    async fn killed(&self, kind: &str, file: &Path, at: &str) -> Result<Said> {
        self.import(kind, file, &["--yes"], Some(at)).await
    }

    async fn import(&self, kind: &str, file: &Path, more: &[&str], dies_at: Option<&str>) -> Result<Said> {
        let mut import = program();
        import.args(["import", kind, "--url", &self.url, "--write-key", &self.key]).args(more).arg(file);
        import.envs(dies_at.map(|at| ("FAILPOINT", at)));
        let Output { status, stdout, stderr } = spawn_blocking(move || import.output()).await??;
        Ok(Said { status: status.code(), out: String::from_utf8(stdout)?, err: String::from_utf8(stderr)? })
    }
}
