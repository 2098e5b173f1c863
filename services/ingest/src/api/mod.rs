//! gRPC: events, the clock, workspaces with their keys and quarantine, and the catalogue.

mod admin;
mod catalogue;
mod ingest;

use std::sync::Arc;

use chassis::grpc::{MAX_DECODED, MAX_ENCODED};
use contracts::{
    catalogue::catalogue_service_server::CatalogueServiceServer,
    ingest::{admin_service_server::AdminServiceServer, ingest_service_server::IngestServiceServer},
};
use tonic::service::Routes;

use crate::edge::Edge;

/// Items of a page unless asked for otherwise, and at most.
const PAGE: (u32, u32) = (50, 1_000);

/// All of ingest's gRPC services.
pub(crate) fn routes(edge: &Arc<Edge>) -> Routes {
    let ingest = IngestServiceServer::new(ingest::IngestApi { edge: edge.clone() });
    let admin = AdminServiceServer::new(admin::AdminApi { edge: edge.clone() });
    let catalogue = CatalogueServiceServer::new(catalogue::CatalogueApi { edge: edge.clone() });
    Routes::new(ingest.max_decoding_message_size(MAX_DECODED).max_encoding_message_size(MAX_ENCODED))
        .add_service(admin.max_decoding_message_size(MAX_DECODED).max_encoding_message_size(MAX_ENCODED))
        .add_service(catalogue.max_decoding_message_size(MAX_DECODED).max_encoding_message_size(MAX_ENCODED))
}
