//! `CatalogueService`: the definitions of a workspace, version by version.

use std::sync::Arc;

use chassis::{Problem, paging, postgres::scoped};
use contracts::catalogue::{
    ApplyCatalogueRequest, ApplyCatalogueResponse, CatalogueVersionInfo, Change, DiffCatalogueRequest,
    DiffCatalogueResponse, ExportCatalogueRequest, ExportCatalogueResponse, ListCatalogueVersionsRequest,
    ListCatalogueVersionsResponse, catalogue_service_server::CatalogueService, change::Kind,
};
use domain::catalogue::ChangeKind;
use tonic::{Request, Response, Status};

use super::PAGE;
use crate::{
    catalogue::{self, Application, no_workspace},
    edge::Edge,
    store::{self, StoredVersion},
};

pub(crate) struct CatalogueApi {
    pub(crate) edge: Arc<Edge>,
}

#[tonic::async_trait]
impl CatalogueService for CatalogueApi {
    async fn apply_catalogue(
        &self,
        request: Request<ApplyCatalogueRequest>,
    ) -> Result<Response<ApplyCatalogueResponse>, Status> {
        let request = request.into_inner();
        let applied = catalogue::apply(
            &self.edge.pool,
            &Application {
                workspace: &request.workspace,
                document: &request.document,
                based_on: request.based_on,
                fire_playbooks: request.fire_playbooks,
                by: &request.by,
                at: chassis::clock::now(),
            },
        )
        .await?;
        catalogue::hand_over(&self.edge.pool, self.edge.log.as_ref(), &request.workspace).await?;
        let changes = applied.changes.into_iter().map(change).collect();
        Ok(Response::new(ApplyCatalogueResponse { version: applied.version.cast_unsigned(), changes }))
    }

    async fn diff_catalogue(
        &self,
        request: Request<DiffCatalogueRequest>,
    ) -> Result<Response<DiffCatalogueResponse>, Status> {
        let DiffCatalogueRequest { workspace, document } = request.into_inner();
        let (version, changes) = catalogue::preview(&self.edge.pool, &workspace, &document).await?;
        let changes = changes.into_iter().map(change).collect();
        Ok(Response::new(DiffCatalogueResponse { based_on: version.cast_unsigned(), changes }))
    }

    async fn list_catalogue_versions(
        &self,
        request: Request<ListCatalogueVersionsRequest>,
    ) -> Result<Response<ListCatalogueVersionsResponse>, Status> {
        let request = request.into_inner();
        let limit = paging::size(request.page_size, PAGE.0, PAGE.1)?;
        let before = paging::decode::<i64>(&request.page_token)?.unwrap_or(i64::MAX);
        let mut conn = scoped(&self.edge.pool, &request.workspace).await.map_err(Problem::from)?;
        let rows =
            store::versions(&mut conn, &request.workspace, before, limit + 1).await.map_err(Problem::from)?;
        let (rows, next_page_token) = paging::split(rows, limit, |row| row.version);
        let versions = rows.into_iter().map(info).collect();
        Ok(Response::new(ListCatalogueVersionsResponse { versions, next_page_token }))
    }

    async fn export_catalogue(
        &self,
        request: Request<ExportCatalogueRequest>,
    ) -> Result<Response<ExportCatalogueResponse>, Status> {
        let ExportCatalogueRequest { workspace, version } = request.into_inner();
        let mut conn = scoped(&self.edge.pool, &workspace).await.map_err(Problem::from)?;
        let found = match i64::try_from(version) {
            Ok(0) => store::newest_version(&mut conn, &workspace).await,
            Ok(version) => store::version(&mut conn, &workspace, version).await,
            Err(_) => Ok(None),
        };
        let found = found.map_err(Problem::from)?.ok_or_else(|| match version {
            0 => no_workspace(&workspace),
            version => Problem::not_found(format!("version {version} of workspace {workspace:?}")),
        })?;
        let version = found.version.cast_unsigned();
        Ok(Response::new(ExportCatalogueResponse { version, document: found.document }))
    }
}

fn change(change: domain::catalogue::Change) -> Change {
    let kind = match change.kind {
        ChangeKind::Added => Kind::Added,
        ChangeKind::Changed => Kind::Changed,
        ChangeKind::Removed => Kind::Removed,
    };
    Change { kind: kind.into(), what: change.what, details: change.details }
}

fn info(row: StoredVersion) -> CatalogueVersionInfo {
    CatalogueVersionInfo {
        version: row.version.cast_unsigned(),
        applied_at: row.applied_at,
        by: row.applied_by,
        in_force: row.in_force_at.is_some(),
    }
}
