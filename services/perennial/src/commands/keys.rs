//! `perennial keys create | ls | revoke | quota`.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use contracts::ingest::{
    CreateWriteKeyRequest, CreateWriteKeyResponse, ListWriteKeysRequest, RevokeWriteKeyRequest,
    SetQuotaRequest, WriteKey,
};

use crate::cli::{Limit, Target};
use crate::{clients, output, words};

const MESSAGE: &str = "perennial.ingest.v1.WriteKey";
const HEADERS: [&str; 5] = ["prefix", "source", "events/s", "created", "revoked"];

#[derive(Args)]
pub(crate) struct Keys {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Create a write key. It is shown once.
    Create {
        /// What it is for, e.g. "web" or "backend".
        #[arg(long, default_value = "default")]
        source: String,
    },
    /// List the write keys by what they begin with.
    Ls(Limit),
    /// Revoke a write key: at once.
    Revoke {
        /// What `keys ls` shows of it, or the whole key.
        prefix: String,
    },
    /// Set how many events a second may come in with a write key.
    Quota {
        /// What `keys ls` shows of it, or the whole key.
        #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
        prefix: String,
        /// Events a second; "none": no limit, "usual": as ingest is set.
        quota: words::Quota,
    },
}

impl Keys {
    pub(crate) async fn run(self) -> Result<()> {
        let target = self.target;
        let mut admin = clients::admin(&target.grpc).await?;
        let workspace = target.workspace.clone();
        let keys = match self.command {
            Command::Create { source } => {
                let created =
                    admin.create_write_key(CreateWriteKeyRequest { workspace, source }).await?.into_inner();
                return output::one(
                    target.output,
                    "perennial.ingest.v1.CreateWriteKeyResponse",
                    &created,
                    |created| shown_once(created, &target.workspace),
                );
            }
            Command::Revoke { prefix } => {
                let revoked = admin.revoke_write_key(RevokeWriteKeyRequest { workspace, prefix }).await?;
                revoked.into_inner().key.into_iter().collect()
            }
            Command::Quota { prefix, quota } => {
                let asked = SetQuotaRequest { workspace, prefix, events_per_second: quota.0 };
                admin.set_quota(asked).await?.into_inner().key.into_iter().collect()
            }
            Command::Ls(limit) => {
                clients::pages(limit.limit, async |page_size, page_token| {
                    let workspace = workspace.clone();
                    let request = ListWriteKeysRequest { workspace, page_size, page_token };
                    let page = admin.list_write_keys(request).await?.into_inner();
                    Ok((page.keys, page.next_page_token))
                })
                .await?
            }
        };
        target.list(MESSAGE, &keys, &HEADERS, row).await
    }
}

/// Whether the key is one of the workspace's, and opens it: another one's would send there.
pub(crate) async fn check(target: &Target, write_key: &str) -> Result<()> {
    let mut admin = clients::admin(&target.grpc).await?;
    let keys: Vec<WriteKey> = clients::pages(usize::MAX, async |page_size, page_token| {
        let workspace = target.workspace.clone();
        let request = ListWriteKeysRequest { workspace, page_size, page_token };
        let page = admin.list_write_keys(request).await?.into_inner();
        Ok((page.keys, page.next_page_token))
    })
    .await?;
    match keys.iter().find(|key| write_key.starts_with(&key.prefix)) {
        Some(key) if key.revoked_at == 0 => Ok(()),
        Some(key) => bail!("the write key {}... is revoked", key.prefix),
        None => bail!("--write-key is none of workspace {}", target.workspace),
    }
}

fn shown_once(created: &CreateWriteKeyResponse, workspace: &str) -> String {
    let source = created.key.as_ref().map(|key| key.source.as_str()).unwrap_or_default();
    let secret = &created.secret;
    format!(
        "{secret}\n  The write key of source {source} in workspace {workspace}. Keep it: it is not shown again."
    )
}

fn row(key: &WriteKey) -> Vec<String> {
    vec![
        key.prefix.clone(),
        key.source.clone(),
        key.events_per_second.map_or_else(String::new, words::per_second),
        words::instant(key.created_at),
        words::instant(key.revoked_at),
    ]
}
