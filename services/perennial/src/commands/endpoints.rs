//! `perennial endpoints ls | set | enable`.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use contracts::cta::{EnableEndpointRequest, Endpoint, ListEndpointsRequest, SetEndpointRequest};

use crate::cli::{Limit, Target};
use crate::{clients, words};

#[derive(Args)]
pub(crate) struct Endpoints {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: EndpointsCommand,
}

#[derive(Subcommand)]
enum EndpointsCommand {
    /// List endpoints: webhooks with the secrets that they are signed with, those of Slack with what is set, shortened.
    Ls(Limit),
    /// Say where an endpoint of Slack is. What is set cannot be read again.
    Set(Set),
    /// Use an endpoint again that answered 410.
    Enable { endpoint: String },
}

#[derive(Args)]
struct Set {
    endpoint: String,
    /// The address of an incoming webhook: https://hooks.slack.com/services/...
    #[arg(long, value_name = "URL", env = "PERENNIAL_SLACK_WEBHOOK", hide_env_values = true,
          conflicts_with_all = ["slack_token", "slack_channel"])]
    slack_webhook: Option<String>,
    /// The token of a bot with the scope chat:write, xoxb-...: what belongs together is then one thread.
    #[arg(
        long,
        value_name = "TOKEN",
        env = "PERENNIAL_SLACK_TOKEN",
        hide_env_values = true,
        requires = "slack_channel"
    )]
    slack_token: Option<String>,
    /// The ID of its channel, C0123.
    #[arg(long, value_name = "ID", requires = "slack_token")]
    slack_channel: Option<String>,
}

impl Endpoints {
    pub(crate) async fn run(self) -> Result<()> {
        let workspace = self.target.workspace.clone();
        let endpoints = match self.command {
            EndpointsCommand::Ls(limit) => endpoints(&self.target, limit.limit).await?,
            EndpointsCommand::Set(set) => vec![set.run(&self.target).await?],
            EndpointsCommand::Enable { endpoint } => {
                let request = EnableEndpointRequest { workspace, endpoint };
                let answer = clients::ctas(&self.target.grpc).await?.enable_endpoint(request).await?;
                answer.into_inner().endpoint.into_iter().collect()
            }
        };
        let headers = ["endpoint", "by", "where", "secret", "disabled"];
        self.target.list("perennial.cta.v1.Endpoint", &endpoints, &headers, row).await
    }
}

impl Set {
    async fn run(self, target: &Target) -> Result<Endpoint> {
        if self.slack_webhook.is_none() && self.slack_token.is_none() {
            bail!("say --slack-webhook URL, or --slack-token TOKEN --slack-channel ID");
        }
        let request = SetEndpointRequest {
            workspace: target.workspace.clone(),
            endpoint: self.endpoint,
            slack_webhook_url: self.slack_webhook.unwrap_or_default(),
            slack_token: self.slack_token.unwrap_or_default(),
            slack_channel: self.slack_channel.unwrap_or_default(),
        };
        let answer = clients::ctas(&target.grpc).await?.set_endpoint(request).await?.into_inner();
        let endpoint = answer.endpoint.unwrap_or_default();
        match endpoint.channel.as_str() {
            "slack" => {}
            "" => eprintln!(
                "The catalogue has no endpoint {:?} yet: it is set for when it does.",
                endpoint.endpoint
            ),
            other => eprintln!("{:?} is an endpoint of {other}: what is set is not used.", endpoint.endpoint),
        }
        Ok(endpoint)
    }
}

/// Where notifications go.
pub(crate) async fn endpoints(target: &Target, limit: usize) -> Result<Vec<Endpoint>> {
    let mut client = clients::ctas(&target.grpc).await?;
    clients::pages(limit, async |page_size, page_token| {
        let request = ListEndpointsRequest { workspace: target.workspace.clone(), page_size, page_token };
        let page = client.list_endpoints(request).await?.into_inner();
        Ok((page.endpoints, page.next_page_token))
    })
    .await
}

fn row(endpoint: &Endpoint) -> Vec<String> {
    let place = match endpoint.channel.as_str() {
        "slack" if endpoint.address.is_empty() => "not set",
        "webhook" => &endpoint.url,
        "email" => "the owner",
        _ => &endpoint.address,
    };
    vec![
        endpoint.endpoint.clone(),
        endpoint.channel.clone(),
        place.to_owned(),
        endpoint.secret.clone(),
        words::instant(endpoint.disabled_at),
    ]
}
