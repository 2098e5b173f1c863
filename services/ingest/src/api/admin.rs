//! `AdminService`: workspaces, write keys, quarantine, and who a contact is.

use std::sync::Arc;

use chassis::{Problem, paging, postgres::scoped};
use contracts::ReadMask;
use contracts::ingest::{
    CreateWorkspaceRequest, CreateWorkspaceResponse, CreateWriteKeyRequest, CreateWriteKeyResponse,
    GetContactRequest, GetContactResponse, GetQuarantinedRequest, GetQuarantinedResponse,
    GetWorkspaceRequest, GetWorkspaceResponse, ListQuarantineRequest, ListQuarantineResponse,
    ListWorkspacesRequest, ListWorkspacesResponse, ListWriteKeysRequest, ListWriteKeysResponse, Quarantined,
    RevokeWriteKeyRequest, RevokeWriteKeyResponse, SetQuotaRequest, SetQuotaResponse, Workspace, WriteKey,
    admin_service_server::AdminService,
};
use domain::ids::ContactId;
use serde_json::{Map, Value as Json};
use sqlx::PgConnection;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::PAGE;
use crate::{
    catalogue::no_workspace,
    edge::Edge,
    keys,
    pseudonym::{self, PseudonymKey},
    store::{self, Refused, StoredContact, StoredKey, StoredWorkspace},
    workspaces,
};

pub(crate) struct AdminApi {
    pub(crate) edge: Arc<Edge>,
}

#[tonic::async_trait]
impl AdminService for AdminApi {
    async fn create_workspace(
        &self,
        request: Request<CreateWorkspaceRequest>,
    ) -> Result<Response<CreateWorkspaceResponse>, Status> {
        let request = request.into_inner();
        let made =
            workspaces::create(&self.edge, &request.workspace, &request.time_zone, request.clock()).await?;
        Ok(Response::new(CreateWorkspaceResponse { workspace: Some(shown(made)) }))
    }

    async fn get_workspace(
        &self,
        request: Request<GetWorkspaceRequest>,
    ) -> Result<Response<GetWorkspaceResponse>, Status> {
        let workspace = request.into_inner().workspace;
        let mut conn = scoped(&self.edge.pool, &workspace).await.map_err(Problem::from)?;
        let found = known(&mut conn, &workspace).await?;
        Ok(Response::new(GetWorkspaceResponse { workspace: Some(shown(found)) }))
    }

    async fn list_workspaces(
        &self,
        request: Request<ListWorkspacesRequest>,
    ) -> Result<Response<ListWorkspacesResponse>, Status> {
        let request = request.into_inner();
        let limit = paging::size(request.page_size, PAGE.0, PAGE.1)?;
        let after = paging::decode::<String>(&request.page_token)?.unwrap_or_default();
        let mut conn = chassis::postgres::unscoped(&self.edge.pool).await.map_err(Problem::from)?;
        let rows = store::workspaces(&mut conn, &after, limit + 1).await.map_err(Problem::from)?;
        let (rows, next_page_token) = paging::split(rows, limit, |row| row.workspace.clone());
        let workspaces = rows.into_iter().map(shown).collect();
        Ok(Response::new(ListWorkspacesResponse { workspaces, next_page_token }))
    }

    async fn create_write_key(
        &self,
        request: Request<CreateWriteKeyRequest>,
    ) -> Result<Response<CreateWriteKeyResponse>, Status> {
        let CreateWriteKeyRequest { workspace, source } = request.into_inner();
        let (stored, key) = workspaces::create_key(&self.edge, &workspace, &source).await?;
        let secret = key.secret().to_owned();
        Ok(Response::new(CreateWriteKeyResponse { key: Some(shown_key(stored, workspace)), secret }))
    }

    async fn list_write_keys(
        &self,
        request: Request<ListWriteKeysRequest>,
    ) -> Result<Response<ListWriteKeysResponse>, Status> {
        let request = request.into_inner();
        let limit = paging::size(request.page_size, PAGE.0, PAGE.1)?;
        let after = paging::decode::<String>(&request.page_token)?.unwrap_or_default();
        let mut conn = scoped(&self.edge.pool, &request.workspace).await.map_err(Problem::from)?;
        let rows =
            store::keys(&mut conn, &request.workspace, &after, limit + 1).await.map_err(Problem::from)?;
        let (rows, next_page_token) = paging::split(rows, limit, |row| row.prefix.clone());
        let keys = rows.into_iter().map(|row| shown_key(row, request.workspace.clone())).collect();
        Ok(Response::new(ListWriteKeysResponse { keys, next_page_token }))
    }

    async fn revoke_write_key(
        &self,
        request: Request<RevokeWriteKeyRequest>,
    ) -> Result<Response<RevokeWriteKeyResponse>, Status> {
        let RevokeWriteKeyRequest { workspace, prefix } = request.into_inner();
        let prefix = shown_of(prefix);
        let mut conn = scoped(&self.edge.pool, &workspace).await.map_err(Problem::from)?;
        let revoked = store::revoke_key(&mut conn, &workspace, &prefix, chassis::clock::now()).await;
        let revoked = revoked
            .map_err(Problem::from)?
            .ok_or_else(|| Problem::not_found(format!("write key {prefix:?} in workspace {workspace:?}")))?;
        conn.commit().await.map_err(Problem::from)?;
        self.edge.keys.changed(&workspace);
        Ok(Response::new(RevokeWriteKeyResponse { key: Some(shown_key(revoked, workspace)) }))
    }

    async fn set_quota(
        &self,
        request: Request<SetQuotaRequest>,
    ) -> Result<Response<SetQuotaResponse>, Status> {
        let SetQuotaRequest { workspace, prefix, events_per_second } = request.into_inner();
        let key = workspaces::set_quota(&self.edge, &workspace, &shown_of(prefix), events_per_second).await?;
        let mut conn = scoped(&self.edge.pool, &workspace).await.map_err(Problem::from)?;
        let found = known(&mut conn, &workspace).await?;
        let key = key.map(|key| shown_key(key, workspace));
        Ok(Response::new(SetQuotaResponse { workspace: Some(shown(found)), key }))
    }

    async fn list_quarantine(
        &self,
        request: Request<ListQuarantineRequest>,
    ) -> Result<Response<ListQuarantineResponse>, Status> {
        let request = request.into_inner();
        let mask = ReadMask::new("perennial.ingest.v1.Quarantined", request.read_mask.as_ref())
            .map_err(|bad| Problem::invalid("read_mask", bad.to_string()))?;
        let limit = paging::size(request.page_size, PAGE.0, PAGE.1)?;
        let before = paging::decode::<u128>(&request.page_token)?.map_or(Uuid::max(), Uuid::from_u128);
        let mut conn = scoped(&self.edge.pool, &request.workspace).await.map_err(Problem::from)?;
        let rows = store::quarantined_list(&mut conn, &request.workspace, before, limit + 1).await;
        let (rows, next_page_token) =
            paging::split(rows.map_err(Problem::from)?, limit, |row| row.id.as_u128());
        let quarantined = rows.into_iter().map(|row| mask.keep(shown_refusal(row))).collect();
        Ok(Response::new(ListQuarantineResponse { quarantined, next_page_token }))
    }

    async fn get_quarantined(
        &self,
        request: Request<GetQuarantinedRequest>,
    ) -> Result<Response<GetQuarantinedResponse>, Status> {
        let GetQuarantinedRequest { workspace, id } = request.into_inner();
        let asked: Uuid =
            id.parse().map_err(|_| Problem::invalid("id", "is not the id of a quarantined event"))?;
        let mut conn = scoped(&self.edge.pool, &workspace).await.map_err(Problem::from)?;
        let found = store::quarantined(&mut conn, &workspace, asked).await.map_err(Problem::from)?;
        let found = found.ok_or_else(|| Problem::not_found(format!("quarantined event {id}")))?;
        Ok(Response::new(GetQuarantinedResponse { quarantined: Some(shown_refusal(found)) }))
    }

    async fn get_contact(
        &self,
        request: Request<GetContactRequest>,
    ) -> Result<Response<GetContactResponse>, Status> {
        let GetContactRequest { workspace, contact } = request.into_inner();
        let mut conn = scoped(&self.edge.pool, &workspace).await.map_err(Problem::from)?;
        let key = PseudonymKey::new(&known(&mut conn, &workspace).await?.pseudonym_key);
        let found = find_contact(&mut conn, &workspace, &key, &contact).await.map_err(Problem::from)?;
        let (id, found) = found
            .ok_or_else(|| Problem::not_found(format!("contact {contact:?} in workspace {workspace:?}")))?;
        Ok(Response::new(GetContactResponse {
            contact: pseudonym::to_hex(id),
            external_id: found.external_id,
            names_json: names(found.names),
            accounts: found.accounts,
        }))
    }
}

/// What a key begins with. The whole of it is what somebody has at hand when it leaked.
fn shown_of(prefix: String) -> String {
    keys::WriteKey::parse(&prefix).map_or(prefix, |key| key.shown().to_owned())
}

async fn known(conn: &mut PgConnection, workspace: &str) -> Result<StoredWorkspace, Problem> {
    store::workspace(conn, workspace).await?.ok_or_else(|| no_workspace(workspace))
}

/// By pseudonym, else by the id that the client uses.
async fn find_contact(
    conn: &mut PgConnection,
    workspace: &str,
    key: &PseudonymKey,
    asked: &str,
) -> sqlx::Result<Option<(ContactId, StoredContact)>> {
    for id in [pseudonym::from_hex(asked), Some(key.of(asked))].into_iter().flatten() {
        if let Some(found) = store::contact(conn, workspace, id.0).await? {
            return Ok(Some((id, found)));
        }
    }
    Ok(None)
}

fn names(names: Vec<(String, String)>) -> String {
    let value = |text: &str| serde_json::from_str(text).unwrap_or(Json::Null);
    let object: Map<String, Json> = names.into_iter().map(|(name, text)| (name, value(&text))).collect();
    Json::Object(object).to_string()
}

fn shown(row: StoredWorkspace) -> Workspace {
    Workspace {
        clock: row.clock().into(),
        workspace: row.workspace,
        time_zone: row.time_zone,
        events: row.events.cast_unsigned(),
        // Those that waited already when counting began are taken off without having been added.
        events_waiting: u64::try_from(row.waiting).unwrap_or(0),
        catalogue_version: row.catalogue_version.cast_unsigned(),
        created_at: row.created_at,
        clock_at: row.clock_at,
        events_per_second: row.events_per_second.map(i32::cast_unsigned),
    }
}

fn shown_key(row: StoredKey, workspace: String) -> WriteKey {
    let StoredKey { prefix, source, created_at, revoked_at, events_per_second } = row;
    let events_per_second = events_per_second.map(i32::cast_unsigned);
    WriteKey { prefix, workspace, source, created_at, revoked_at: revoked_at.unwrap_or(0), events_per_second }
}

fn shown_refusal(row: Refused) -> Quarantined {
    Quarantined {
        id: row.id.to_string(),
        code: row.code,
        reason: row.reason,
        message_id: row.message_id,
        received_at: row.received_at,
        body: String::from_utf8_lossy(&row.body).into_owned(),
    }
}
