//! The first minutes: a workspace and a write key that are there already, and what to try with them.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use anyhow::{Context, Result};
use contracts::catalogue::ApplyCatalogueRequest;
use contracts::ingest::{
    CreateWorkspaceRequest, CreateWriteKeyRequest, GetWorkspaceRequest, ListWriteKeysRequest,
    admin_service_client::AdminServiceClient,
};
use contracts::log::ClockKind;
use tonic::Code;
use tonic::transport::Channel;

use super::Laptop;
use crate::clients::{self, Address};
use crate::document::Document;

const WORKSPACE: &str = "default";
/// What a fresh workspace watches, until its owner says otherwise.
const STARTER: &str = include_str!("../../demo/starter.yaml");

/// The addresses, a write key, and what to try next.
pub(super) async fn welcome(laptop: &Laptop) -> Result<String> {
    let addresses = [Address { service: None, uri: laptop.grpc_uri() }];
    let mut admin = clients::admin(&addresses).await?;
    if !has_workspace(&mut admin).await? {
        create_workspace(&mut admin, &addresses).await?;
    }
    let key = write_key(laptop, &mut admin).await?;
    let (http, grpc) = (laptop.http_uri(), addresses[0].as_argument());
    let shown = key.clone().unwrap_or_else(|| "WRITE_KEY".to_owned());
    let how = match key {
        Some(key) => format!("write key  {key}"),
        None => format!("write key  made earlier; a new one: perennial keys create{grpc}"),
    };
    Ok(format!(
        "Perennial is up.\n\n\
         \x20   HTTP       {http}   (Segment's API under /v1; /metrics, /livez, /readyz)\n\
         \x20   gRPC       {}\n\
         \x20   workspace  {WORKSPACE}\n\
         \x20   {how}\n\n\
         What to try next, in another terminal:\n\n\
         \x20   curl -u {shown}: {http}/v1/track \\\n\
         \x20        -d '{{\"event\": \"Report Exported\", \"userId\": \"ana\", \"context\": {{\"groupId\": \"acme\"}}}}'\n\
         \x20   perennial explain account acme{grpc}\n\
         \x20   perennial segments ls{grpc}\n\
         \x20   perennial export{grpc} > catalogue.yaml      # change it, then: perennial apply -f catalogue.yaml\n\n\
         Decisions appear below as they are made; ctrl-c ends it.\n",
        laptop.grpc_uri(),
    ))
}

async fn has_workspace(admin: &mut AdminServiceClient<Channel>) -> Result<bool> {
    match admin.get_workspace(GetWorkspaceRequest { workspace: WORKSPACE.into() }).await {
        Ok(_) => Ok(true),
        Err(status) if status.code() == Code::NotFound => Ok(false),
        Err(status) => Err(status.into()),
    }
}

async fn create_workspace(admin: &mut AdminServiceClient<Channel>, addresses: &[Address]) -> Result<()> {
    let clock = ClockKind::Wall.into();
    let request = CreateWorkspaceRequest { workspace: WORKSPACE.into(), time_zone: "UTC".into(), clock };
    admin.create_workspace(request).await?;
    let document = Document::parse("starter.yaml", STARTER.to_owned())?.json().to_string();
    let request = ApplyCatalogueRequest { workspace: WORKSPACE.into(), document, ..Default::default() };
    clients::catalogue(addresses).await?.apply_catalogue(request).await?;
    Ok(())
}

/// The key that lies in the folder; else a new one, laid there. On somebody else's server only the first start makes
/// one.
async fn write_key(laptop: &Laptop, admin: &mut AdminServiceClient<Channel>) -> Result<Option<String>> {
    let file = laptop.folder().map(|folder| folder.join("write-key"));
    if let Some(key) = file.as_ref().and_then(|file| fs::read_to_string(file).ok()) {
        return Ok(Some(key.trim().to_owned()));
    }
    let workspace = || WORKSPACE.to_owned();
    let request = ListWriteKeysRequest { workspace: workspace(), page_size: 1, page_token: String::new() };
    let has_keys = !admin.list_write_keys(request).await?.into_inner().keys.is_empty();
    if file.is_none() && has_keys {
        return Ok(None);
    }
    let request = CreateWriteKeyRequest { workspace: workspace(), source: "first".into() };
    let key = admin.create_write_key(request).await?.into_inner().secret;
    if let Some(file) = file {
        let made = fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(&file);
        made.and_then(|mut made| made.write_all(key.as_bytes()))
            .with_context(|| format!("{}", file.display()))?;
    }
    Ok(Some(key))
}
