//! Serving gRPC: health, reflection, limits, and problems as `google.rpc.Status`.

use std::{collections::HashMap, net::SocketAddr, time::Duration};

use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Status, service::Routes, transport::Server};
use tonic_health::{ServingStatus, pb::health_server, server::HealthReporter};
use tonic_types::{ErrorDetails, StatusExt};

use crate::{Problem, Shutdown, Tasks, metrics::Readiness};

/// Largest message a service reads, in bytes.
pub const MAX_DECODED: usize = 4 << 20;
/// Largest message a service writes, in bytes.
pub const MAX_ENCODED: usize = 4 << 20;

/// For calls under way at shutdown; then they are broken off.
const DRAIN: Duration = Duration::from_secs(5);

/// What reflection tells: services by their full names, from an encoded `FileDescriptorSet`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reflected<'a> {
    pub descriptors: &'a [u8],
    pub services: &'a [&'a str],
}

/// Serves `routes` with health and reflection until shutdown; calls under way have five seconds then. Health says
/// SERVING from readiness until shutdown. Returns the address bound.
pub async fn serve(
    listener: TcpListener,
    routes: Routes,
    reflected: Reflected<'_>,
    readiness: &Readiness,
    tasks: &Tasks,
) -> anyhow::Result<SocketAddr> {
    serve_within(DRAIN, listener, routes, reflected, readiness, tasks).await
}

async fn serve_within(
    drain: Duration,
    listener: TcpListener,
    routes: Routes,
    reflected: Reflected<'_>,
    readiness: &Readiness,
    tasks: &Tasks,
) -> anyhow::Result<SocketAddr> {
    let address = listener.local_addr()?;
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_service_status("", ServingStatus::NotServing).await;
    tasks.spawn(format!("grpc health {address}"), tell(health, readiness.clone(), tasks.shutdown()));
    let reflection = || {
        let builder = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(reflected.descriptors)
            .with_service_name(health_server::SERVICE_NAME);
        reflected.services.iter().fold(builder, |builder, name| builder.with_service_name(*name))
    };
    // Python's client, for one, still asks for the older one.
    let reflections = (reflection().build_v1()?, reflection().build_v1alpha()?);
    let routes = routes.add_service(health_service).add_service(reflections.0).add_service(reflections.1);
    let shutdown = tasks.shutdown();
    tasks.spawn(format!("grpc {address}"), async move {
        let served = Server::builder()
            .trace_fn(span)
            .http2_keepalive_interval(Some(Duration::from_secs(30)))
            .add_routes(routes)
            .serve_with_incoming_shutdown(TcpListenerStream::new(listener), shutdown.clone().wait());
        tokio::select! {
            served = served => served?,
            () = drained(shutdown, drain) => tracing::warn!("calls by gRPC were broken off at shutdown"),
        }
        Ok(())
    });
    Ok(address)
}

fn span(request: &axum::http::Request<()>) -> tracing::Span {
    let span = tracing::error_span!(
        "grpc",
        call = request.uri().path(),
        otel.name = request.uri().path().trim_start_matches('/'),
        otel.kind = "server",
        trace_id = tracing::field::Empty
    );
    crate::trace::follow_headers(&span, request.headers());
    span
}

/// Returns when calls have had their time after shutdown.
async fn drained(shutdown: Shutdown, drain: Duration) {
    shutdown.wait().await;
    tokio::time::sleep(drain).await;
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
    use tonic::transport::Endpoint;
    use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn at_shutdown_endless_calls_are_broken_off_in_the_end() {
        let (tasks, readiness) = (Tasks::new(), Readiness::new());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let drain = Duration::from_millis(100);
        let serving =
            serve_within(drain, listener, Routes::default(), Reflected::default(), &readiness, &tasks);
        let address = format!("http://{}", serving.await.unwrap());
        let mut client = HealthClient::new(Endpoint::new(address).unwrap().connect().await.unwrap());
        let mut health = client.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
        assert!(health.message().await.unwrap().is_some(), "it is under way");
        tasks.stop();
        tasks.finish(SOON).await.unwrap();
    }

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
