//! Serving gRPC: health, reflection, limits, and problems as `google.rpc.Status`.

use std::{collections::HashMap, net::SocketAddr, time::Duration};

use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Status, service::Routes, transport::Server};
use tonic_health::{ServingStatus, server::HealthReporter};
use tonic_types::{ErrorDetails, StatusExt};

use crate::{Problem, Shutdown, Tasks, metrics::Readiness};

/// Largest message a service reads, in bytes.
pub const MAX_DECODED: usize = 4 << 20;
/// Largest message a service writes, in bytes.
pub const MAX_ENCODED: usize = 4 << 20;

/// Serves `routes` with health and reflection until shutdown; calls under way are finished. Health says SERVING from
/// readiness until shutdown. `descriptors` are encoded `FileDescriptorSet`s. Returns the address bound.
pub async fn serve(
    listener: TcpListener,
    routes: Routes,
    descriptors: &[&[u8]],
    readiness: &Readiness,
    tasks: &Tasks,
) -> anyhow::Result<SocketAddr> {
    let address = listener.local_addr()?;
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_service_status("", ServingStatus::NotServing).await;
    tasks.spawn(format!("grpc health {address}"), tell(health, readiness.clone(), tasks.shutdown()));
    let reflection = || {
        let builder = tonic_reflection::server::Builder::configure();
        let builder = builder.register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
        descriptors.iter().fold(builder, |builder, set| builder.register_encoded_file_descriptor_set(set))
    };
    // Python's client, for one, still asks for the older one.
    let reflections = (reflection().build_v1()?, reflection().build_v1alpha()?);
    let routes = routes.add_service(health_service).add_service(reflections.0).add_service(reflections.1);
    let shutdown = tasks.shutdown();
    tasks.spawn(format!("grpc {address}"), async move {
        Server::builder()
            .trace_fn(|request| {
                let span = tracing::error_span!(
                    "grpc",
                    call = request.uri().path(),
                    otel.name = request.uri().path().trim_start_matches('/'),
                    otel.kind = "server",
                    trace_id = tracing::field::Empty
                );
                crate::trace::follow_headers(&span, request.headers());
                span
            })
            .http2_keepalive_interval(Some(Duration::from_secs(30)))
            .add_routes(routes)
            .serve_with_incoming_shutdown(TcpListenerStream::new(listener), shutdown.wait())
            .await?;
        Ok(())
    });
    Ok(address)
}

async fn tell(health: HealthReporter, readiness: Readiness, shutdown: Shutdown) -> anyhow::Result<()> {
    tokio::select! {
        () = readiness.ready() => health.set_service_status("", ServingStatus::Serving).await,
        () = shutdown.clone().wait() => {}
    }
    shutdown.wait().await;
    health.set_service_status("", ServingStatus::NotServing).await;
    Ok(())
}

/// The reason as `ErrorInfo`, the fields as `BadRequest`, the wait as `RetryInfo`.
impl From<Problem> for Status {
    fn from(problem: Problem) -> Self {
        let mut details = ErrorDetails::new();
        let facts: HashMap<String, String> =
            problem.details.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        details.set_error_info(problem.reason, "perennial", facts);
        for (field, what) in problem.violations {
            details.add_bad_request_violation(field, what);
        }
        if let Some(seconds) = problem.retry_after {
            details.set_retry_info(Some(Duration::from_secs(seconds.into())));
        }
        Self::with_error_details(problem.code.grpc(), problem.message, details)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_carries_the_reason_and_the_fields() {
        let status = Status::from(Problem::invalid("page_size", "must not be negative").with("most", "100"));
        assert_eq!(status.code(), tonic::Code::InvalidArgument);
        let details = status.get_error_details();
        let info = details.error_info().expect("ErrorInfo");
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("INVALID", "perennial"));
        assert_eq!(info.metadata["most"], "100");
        assert_eq!(details.bad_request().expect("BadRequest").field_violations[0].field, "page_size");
    }
}
