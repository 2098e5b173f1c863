//! The first minutes: a workspace and a write key that are there already, and what to try with them.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::{Context, Result};
use contracts::catalogue::ApplyCatalogueRequest;
use contracts::ingest::{
    CreateWorkspaceRequest, CreateWriteKeyRequest, GetWorkspaceRequest, ListWriteKeysRequest,
    admin_service_client::AdminServiceClient,
};
use contracts::log::ClockKind;
use tempfile::NamedTempFile;
use tonic::Code;
use tonic::transport::Channel;

use crate::clients::{self, Address};
use crate::document::Document;
use crate::myself;
use crate::node::Node;

const WORKSPACE: &str = "default";
/// Of the empty catalogue that a workspace is made with.
const FIRST_VERSION: u64 = 1;
/// What follows `pk_` in a write key.
const KEY_LETTERS: usize = 38;
/// What a fresh workspace watches, until its owner says otherwise.
const STARTER: &str = include_str!("../../demo/starter.yaml");

/// The addresses, a write key, and what to try next.
pub(super) async fn welcome(node: &Node) -> Result<String> {
    let addresses = [Address { service: None, uri: node.grpc_uri() }];
    let mut admin = clients::admin(&addresses).await?;
    if !has_workspace(&mut admin).await? {
        create_workspace(&mut admin).await?;
    }
    lay_starter(&addresses).await?;
    let key = write_key(node, &mut admin).await?;
    let (http, grpc, program) = (node.http_uri(), addresses[0].as_argument(), myself::called());
    let shown = key.clone().unwrap_or_else(|| "WRITE_KEY".to_owned());
    let how = match key {
        Some(key) => format!("write key  {key}"),
        None => format!("write key  made earlier; a new one: {program} keys create{grpc}"),
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
         \x20   {program} explain account acme{grpc}\n\
         \x20   {program} segments ls{grpc}\n\
         \x20   {program} export{grpc} > catalogue.yaml\n\
         \x20   {program} apply{grpc} -f catalogue.yaml      # when you have changed it\n\n\
         Decisions appear below as they are made; ctrl-c ends it.\n",
        node.grpc_uri(),
    ))
}

async fn has_workspace(admin: &mut AdminServiceClient<Channel>) -> Result<bool> {
    match admin.get_workspace(GetWorkspaceRequest { workspace: WORKSPACE.into() }).await {
        Ok(_) => Ok(true),
        Err(status) if status.code() == Code::NotFound => Ok(false),
        Err(status) => Err(status.into()),
    }
}

async fn create_workspace(admin: &mut AdminServiceClient<Channel>) -> Result<()> {
    let clock = ClockKind::Wall.into();
    let request = CreateWorkspaceRequest { workspace: WORKSPACE.into(), time_zone: "UTC".into(), clock };
    admin.create_workspace(request).await?;
    Ok(())
}

/// On the empty version that a workspace begins with, and on no other: who has applied something keeps it, and a start
/// that ended half-way is made up for.
async fn lay_starter(addresses: &[Address]) -> Result<()> {
    let document = Document::parse("starter.yaml", STARTER.to_owned())?.json().to_string();
    let based_on = Some(FIRST_VERSION);
    let request =
        ApplyCatalogueRequest { workspace: WORKSPACE.into(), document, based_on, ..Default::default() };
    match clients::catalogue(addresses).await?.apply_catalogue(request).await {
        Err(status) if status.code() != Code::Aborted => Err(status.into()),
        _ => Ok(()),
    }
}

/// The key that lies in the folder; else a new one, laid there. On somebody else's server only the first start makes
/// one.
async fn write_key(node: &Node, admin: &mut AdminServiceClient<Channel>) -> Result<Option<String>> {
    let file = node.folder().map(|folder| folder.join("write-key"));
    if let Some(key) = file.as_deref().map(kept_key).transpose()?.flatten() {
        return Ok(Some(key));
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
        keep_key(&file, &key).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(Some(key))
}

/// Nothing where there is no file, or no key in it.
fn kept_key(file: &Path) -> Result<Option<String>> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text.trim().to_owned()).filter(|key| is_key(key))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

/// By its shape: what was cut short is none.
fn is_key(text: &str) -> bool {
    let letters = text.strip_prefix("pk_").unwrap_or_default();
    letters.len() == KEY_LETTERS && letters.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Written beside its place and then moved there: who finds it finds it whole.
fn keep_key(file: &Path, key: &str) -> std::io::Result<()> {
    let mut fresh = NamedTempFile::new_in(file.parent().unwrap_or(Path::new(".")))?;
    fresh.write_all(key.as_bytes())?;
    fresh.as_file().sync_all()?;
    fresh.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::{keep_key, kept_key};

    const KEY: &str = "pk_0123456789abcdefghijklmnopqrstuvABCDEF";

    #[test]
    fn a_key_is_kept_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("write-key");
        assert_eq!(kept_key(&file).unwrap(), None);
        keep_key(&file, KEY).unwrap();
        assert_eq!(kept_key(&file).unwrap().as_deref(), Some(KEY));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_key_that_was_cut_short_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("write-key");
        for cut in ["", "pk_", &KEY[..20], "something else"] {
            fs::write(&file, cut).unwrap();
            assert_eq!(kept_key(&file).unwrap(), None, "{cut:?}");
        }
    }
}
