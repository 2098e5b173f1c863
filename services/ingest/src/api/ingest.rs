//! `IngestService`: events and the clock.

use std::sync::Arc;

use chassis::Problem;
use contracts::ingest::{
    AdvanceClockRequest, AdvanceClockResponse, IngestBatchRequest, IngestBatchResponse,
    ingest_service_server::IngestService,
};
use domain::time::Instant;
use tonic::{Request, Response, Status};

use crate::{advance::advance, edge::Edge};

pub(crate) struct IngestApi {
    pub(crate) edge: Arc<Edge>,
}

#[tonic::async_trait]
impl IngestService for IngestApi {
    async fn ingest_batch(
        &self,
        request: Request<IngestBatchRequest>,
    ) -> Result<Response<IngestBatchResponse>, Status> {
        let IngestBatchRequest { write_key, calls, sent_at } = request.into_inner();
        let sent_at = (sent_at != 0).then_some(Instant(sent_at));
        let received = Instant(chassis::clock::now());
        let taking = self.edge.take_calls(&write_key, &calls, sent_at, received);
        let taken = self.edge.answer(taking).await.map_err(Problem::from)?;
        Ok(Response::new(IngestBatchResponse { accepted: taken.accepted, quarantined: taken.quarantined }))
    }

    async fn advance_clock(
        &self,
        request: Request<AdvanceClockRequest>,
    ) -> Result<Response<AdvanceClockResponse>, Status> {
        let AdvanceClockRequest { workspace, to_at } = request.into_inner();
        if to_at < 0 {
            return Err(Problem::invalid("to_at", "lies before 1970").into());
        }
        advance(&self.edge, &workspace, to_at).await?;
        Ok(Response::new(AdvanceClockResponse {}))
    }
}
