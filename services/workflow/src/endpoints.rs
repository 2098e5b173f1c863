//! Keeps the endpoints and messages of the catalogue in workflow's database, from the moment their catalogue version stands
//! in the log: that is when secrets of endpoints are made.

use chassis::{Met, Saver, Tasks};
use domain::catalogue::{
    Catalogue,
    messages::{Address, Endpoint, Message},
};
use sqlx::PgPool;

use crate::store::{self, Kind};

/// Where a fold hands what it met.
#[derive(Debug, Clone, Default)]
pub struct Savers {
    endpoints: Saver,
    messages: Saver,
}

impl Savers {
    pub(crate) fn start(tasks: &Tasks, pool: &PgPool) -> Self {
        Self {
            endpoints: Saver::start(tasks, "endpoints", pool, save_endpoints),
            messages: Saver::start(tasks, "messages", pool, save_messages),
        }
    }

    pub(crate) fn hand(&self, workspace: &str, version: u64, catalogue: &Catalogue) {
        let met = |named| Met { workspace: workspace.to_owned(), version, named };
        self.endpoints.hand(met(catalogue.endpoints.iter().map(endpoint).collect()));
        self.messages.hand(met(catalogue.messages.iter().map(message).collect()));
    }
}

fn endpoint(Endpoint { name, address }: &Endpoint) -> (String, String) {
    let url = match address {
        Address::Web { url } => url,
        Address::Slack => Kind::SLACK,
        Address::Email => Kind::EMAIL,
    };
    (name.clone(), url.to_owned())
}

fn message(Message { name, texts, .. }: &Message) -> (String, String) {
    // Texts always have a JSON form.
    (name.clone(), serde_json::to_string(texts).unwrap_or_default())
}

async fn save_endpoints(pool: PgPool, met: Met) -> sqlx::Result<()> {
    let (names, urls): (Vec<_>, Vec<_>) = met.named.into_iter().unzip();
    let mut tx = chassis::postgres::scoped(&pool, &met.workspace).await?;
    store::meet(&mut tx, &met.workspace, met.version.cast_signed(), &names, &urls).await?;
    tx.commit().await
}

async fn save_messages(pool: PgPool, met: Met) -> sqlx::Result<()> {
    let (names, texts): (Vec<_>, Vec<_>) = met.named.into_iter().unzip();
    let mut tx = chassis::postgres::scoped(&pool, &met.workspace).await?;
    store::meet_messages(&mut tx, &met.workspace, met.version.cast_signed(), &names, &texts).await?;
    tx.commit().await
}
