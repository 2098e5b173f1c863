//! Clients of the public gRPC API.

use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use contracts::catalogue::catalogue_service_client::CatalogueServiceClient;
use contracts::cta::cta_service_client::CtaServiceClient;
use contracts::health::health_service_client::HealthServiceClient;
use contracts::ingest::admin_service_client::AdminServiceClient;
use contracts::ingest::ingest_service_client::IngestServiceClient;
use contracts::renewal::renewal_service_client::RenewalServiceClient;
use contracts::segment::segment_service_client::SegmentServiceClient;
use tonic::transport::{Channel, Endpoint};

/// Answers may be long: a catalogue, a page of histories.
const MAX_ANSWER: usize = 64 << 20;
/// Where laptop mode answers.
pub(crate) const USUAL: &str = "http://127.0.0.1:9090";
const SERVICES: [&str; 4] = ["ingest", "health-score", "segmentation", "workflow"];
const CONNECT: Duration = Duration::from_secs(5);

/// Where one service, or all of them, can be reached.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Address {
    /// Absent: every service.
    pub(crate) service: Option<String>,
    pub(crate) uri: String,
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (service, uri) = match text.split_once('=') {
            Some((service, uri)) if SERVICES.contains(&service) => (Some(service.to_owned()), uri),
            Some((service, _)) => {
                return Err(format!("there is no service {service:?}; there are {}", SERVICES.join(", ")));
            }
            None => (None, text),
        };
        let uri = if uri.contains("://") { uri.to_owned() } else { format!("http://{uri}") };
        Ok(Self { service, uri })
    }
}

impl Address {
    /// The option that gives it again, with a space before it; nothing where it is the usual one.
    pub(crate) fn as_argument(&self) -> String {
        match &self.service {
            None if self.uri == USUAL => String::new(),
            None => format!(" --grpc {}", self.uri),
            Some(service) => format!(" --grpc {service}={}", self.uri),
        }
    }
}

/// Nothing answers at an address.
#[derive(Debug)]
pub(crate) struct Unreachable {
    pub(crate) uri: String,
}

impl std::fmt::Display for Unreachable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "nothing answers at {}", self.uri)
    }
}

impl std::error::Error for Unreachable {}

pub(crate) async fn ingest(addresses: &[Address]) -> Result<IngestServiceClient<Channel>> {
    let channel = channel(addresses, "ingest").await?;
    Ok(IngestServiceClient::new(channel).max_decoding_message_size(MAX_ANSWER))
}

pub(crate) async fn admin(addresses: &[Address]) -> Result<AdminServiceClient<Channel>> {
    let channel = channel(addresses, "ingest").await?;
    Ok(AdminServiceClient::new(channel).max_decoding_message_size(MAX_ANSWER))
}

pub(crate) async fn catalogue(addresses: &[Address]) -> Result<CatalogueServiceClient<Channel>> {
    let channel = channel(addresses, "ingest").await?;
    Ok(CatalogueServiceClient::new(channel).max_decoding_message_size(MAX_ANSWER))
}

pub(crate) async fn health(addresses: &[Address]) -> Result<HealthServiceClient<Channel>> {
    let channel = channel(addresses, "health-score").await?;
    Ok(HealthServiceClient::new(channel).max_decoding_message_size(MAX_ANSWER))
}

pub(crate) async fn segments(addresses: &[Address]) -> Result<SegmentServiceClient<Channel>> {
    let channel = channel(addresses, "segmentation").await?;
    Ok(SegmentServiceClient::new(channel).max_decoding_message_size(MAX_ANSWER))
}

pub(crate) async fn ctas(addresses: &[Address]) -> Result<CtaServiceClient<Channel>> {
    let channel = channel(addresses, "workflow").await?;
    Ok(CtaServiceClient::new(channel).max_decoding_message_size(MAX_ANSWER))
}

pub(crate) async fn renewals(addresses: &[Address]) -> Result<RenewalServiceClient<Channel>> {
    let channel = channel(addresses, "workflow").await?;
    Ok(RenewalServiceClient::new(channel).max_decoding_message_size(MAX_ANSWER))
}

async fn channel(addresses: &[Address], service: &str) -> Result<Channel> {
    let uri = uri_of(addresses, service)?;
    let endpoint = Endpoint::from_shared(uri.to_owned()).with_context(|| format!("{uri} is no address"))?;
    let connected = endpoint.connect_timeout(CONNECT).connect().await;
    connected.map_err(|error| anyhow::Error::new(error).context(Unreachable { uri: uri.to_owned() }))
}

/// The service's own address, else the one for everything.
fn uri_of<'a>(addresses: &'a [Address], service: &str) -> Result<&'a str> {
    let named = addresses.iter().filter(|address| address.service.as_deref() == Some(service));
    let general = addresses.iter().filter(|address| address.service.is_none());
    let mut found = named.chain(general);
    let first =
        found.next().with_context(|| format!("no address for {service}: --grpc {service}=ADDRESS"))?;
    if let Some(other) = found.next().filter(|other| other.service == first.service) {
        bail!(
            "two addresses for {service}, {} and {}: give one, of a balancer before its replicas perhaps",
            first.uri,
            other.uri
        );
    }
    Ok(&first.uri)
}

/// Pages until the list or the limit ends.
pub(crate) async fn pages<T>(
    limit: usize,
    mut page: impl AsyncFnMut(i32, String) -> Result<(Vec<T>, String), tonic::Status>,
) -> Result<Vec<T>> {
    let mut all = Vec::new();
    let mut token = String::new();
    loop {
        let size = i32::try_from((limit - all.len()).min(1000))?;
        let (items, next) = page(size, token).await?;
        all.extend(items);
        if next.is_empty() || all.len() >= limit {
            if !next.is_empty() {
                eprintln!("Only the first {limit}: there are more.");
            }
            all.truncate(limit);
            return Ok(all);
        }
        token = next;
    }
}

#[cfg(test)]
mod tests {
    use super::{Address, uri_of};

    fn check(given: &[&str], service: &str, uri: Option<&str>) {
        let addresses: Vec<Address> = given.iter().filter_map(|text| text.parse().ok()).collect();
        assert_eq!(uri_of(&addresses, service).ok(), uri);
    }

    #[test]
    fn a_service_has_its_own_address_or_the_one_for_everything() {
        check(&["http://a:1"], "ingest", Some("http://a:1"));
        check(&["a:1", "workflow=b:2"], "workflow", Some("http://b:2"));
        check(&["a:1", "workflow=b:2"], "ingest", Some("http://a:1"));
        check(&["workflow=b:2"], "ingest", None);
        check(&["workflow=b:2", "workflow=c:3"], "workflow", None);
    }
}
