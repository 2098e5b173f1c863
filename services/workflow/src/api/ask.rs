//! Commands: understand, append, await the answer.

use chassis::{Code, Problem, postgres::scoped};
use contracts::cta::{Command as Asked, Cta, DecideRunRequest, Run};
use domain::{
    command::{Ask, Command, CtaCommand, RunCommand},
    ids::{CommandId, CtaId, RunId},
};
use eventlog::Key;
use tokio::time::timeout;
use uuid::Uuid;

use super::{CtaApi, wire};
use crate::{
    answers::Waiting,
    facts::{self, About},
    store,
};

/// Refusals that lie in the command itself, whatever the state of the CTA.
const MALFORMED: [&str; 5] =
    ["ASKER_MISSING", "OUTCOME_MISSING", "OWNER_MISSING", "TASK_MISSING", "TEXT_UNFIT"];
/// All refusals, as the domain names them.
const REFUSALS: [&str; 13] = [
    "CTA_NOT_FOUND",
    "CTA_CLOSED",
    "CTA_TAKEN",
    "SNOOZE_IN_PAST",
    "OUTCOME_UNKNOWN",
    "TASK_NOT_FOUND",
    "RUN_NOT_FOUND",
    "RUN_NOT_WAITING",
    "ASKER_MISSING",
    "OUTCOME_MISSING",
    "OWNER_MISSING",
    "TASK_MISSING",
    "TEXT_UNFIT",
];

impl CtaApi {
    /// Does what is asked, once, however often it is asked under the same id.
    pub(super) async fn ask(&self, asked: Option<Asked>, ask: CtaCommand) -> Result<Cta, Problem> {
        let asked = asked.ok_or_else(|| Problem::invalid("command", "is missing"))?;
        let workspace = asked.workspace;
        let cta = wire::id("command.cta", &asked.cta)?;
        let row = self.find(&workspace, cta).await?;
        let ask = Ask::Cta(CtaId(cta.as_u128()), ask);
        self.obey(&Key::new(&*workspace, row.account), &asked.command_id, asked.by, ask).await?;
        Ok(wire::cta(self.find(&workspace, row.cta).await?))
    }

    /// Says yes or no to a run that waits for it, once.
    pub(super) async fn decide(&self, asked: DecideRunRequest) -> Result<Run, Problem> {
        let DecideRunRequest { workspace, run, by, command_id, approved } = asked;
        let run = wire::id("run", &run)?;
        let row = self.find_run(&workspace, run).await?;
        let ask = if approved { RunCommand::Approve } else { RunCommand::Reject };
        let ask = Ask::Run(RunId(run.as_u128()), ask);
        self.obey(&Key::new(&*workspace, row.account), &command_id, by, ask).await?;
        Ok(wire::run(self.find_run(&workspace, run).await?))
    }

    /// Appends the command, unless it has its answer, and takes that for its own.
    async fn obey(&self, key: &Key, command_id: &str, by: String, ask: Ask) -> Result<(), Problem> {
        let id = match command_id {
            "" => chassis::ids::v7(),
            id => wire::id("command_id", id)?,
        };
        let command = Command { id: CommandId(id.as_u128()), by, ask };
        // Before anything unfit comes into the log.
        command.check().or_else(|unfit| refusal(unfit.code(), unfit.to_string()))?;
        let (code, message) = match self.answer(&key.workspace, id).await? {
            Some(first) => first,
            None => self.append(key, command, id).await?,
        };
        refusal(&code, message)
    }

    /// Appends the command, and waits until its answer is stored.
    async fn append(&self, key: &Key, command: Command, id: Uuid) -> Result<(String, String), Problem> {
        let about = About { id: id.as_u128(), request: id.as_u128(), attempt: 0 };
        let away =
            |why: &str| Problem::away(format!("{why}: repeat with the same id")).with("command_id", id);
        let mut waiting = Waiting::new(self.answers.again(), command.id);
        let answered = timeout(self.command_deadline, async {
            facts::append(&*self.log, key, about, command.into(), chassis::clock::now())
                .await
                .map_err(|_| away("the log is away"))?;
            loop {
                if let Some(answer) = self.answer(&key.workspace, id).await? {
                    return Ok(answer);
                }
                waiting.look().await;
            }
        });
        tokio::select! {
            answered = answered => answered.map_err(|_| away("there is no answer yet"))?,
            () = self.shutdown.clone().wait() => Err(away("the service is stopping")),
        }
    }

    async fn answer(&self, workspace: &str, command: Uuid) -> Result<Option<(String, String)>, Problem> {
        let mut tx = scoped(&self.pool, workspace).await?;
        Ok(store::answer(&mut tx, workspace, command).await?)
    }
}

/// The answer as its caller gets it.
fn refusal(code: &str, message: String) -> Result<(), Problem> {
    if code.is_empty() {
        return Ok(());
    }
    let reason = REFUSALS.into_iter().find(|known| *known == code);
    let reason = reason.ok_or_else(|| Problem::internal(&format!("an answer of unknown code {code}")))?;
    let kind = match reason {
        "CTA_NOT_FOUND" | "RUN_NOT_FOUND" => Code::NotFound,
        reason if MALFORMED.contains(&reason) => Code::InvalidArgument,
        _ => Code::FailedPrecondition,
    };
    Err(Problem::new(kind, reason, message))
}
