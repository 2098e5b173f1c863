//! What can be set about messages to people.

use anyhow::{Result, bail};
use clap::Args;
use workflow::{Mail, SLACK_API};

/// How people are told.
#[derive(Args)]
pub(crate) struct MessageArgs {
    /// The server that e-mail goes by: smtps://USER:PASSWORD@HOST, or smtp://USER:PASSWORD@HOST:587?tls=required. Absent:
    /// what an endpoint of e-mail is sent has failed.
    #[arg(long, value_name = "URL")]
    smtp_url: Option<String>,
    /// Whom e-mail is from, e.g. Perennial <cs@example.com>.
    #[arg(long, value_name = "ADDRESS")]
    mail_from: Option<String>,
    /// Slack's API: for tests.
    #[arg(long, hide = true, value_name = "URL", default_value = SLACK_API)]
    pub(super) slack_api: String,
}

/// Where names of contacts are asked for.
#[derive(Args)]
pub(crate) struct DirectoryArgs {
    /// Where ingest answers by gRPC: messages ask there what contacts are called. Absent: each is "a contact".
    #[arg(long, value_name = "URL")]
    pub(crate) directory: Option<String>,
}

impl MessageArgs {
    pub(super) fn mail(&self) -> Result<Option<Mail>> {
        match (self.smtp_url.clone(), self.mail_from.clone()) {
            (Some(smtp_url), Some(from)) => Ok(Some(Mail { smtp_url, from })),
            (None, None) => Ok(None),
            (Some(_), None) => bail!("--smtp-url goes with --mail-from: whom is e-mail from?"),
            (None, Some(_)) => bail!("--mail-from goes with --smtp-url: by which server does e-mail go?"),
        }
    }
}
