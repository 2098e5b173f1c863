//! An OpenTelemetry collector, as far as traces go: a real OTLP server that keeps what it is sent.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Result, bail};
use chassis::{Tasks, grpc::Reflected};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind},
};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::{net::TcpListener, time::timeout};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Request, Response, Status,
    service::Routes,
    transport::{Identity, Server, ServerTlsConfig},
};

const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(10);

/// A span, ids in hexadecimal.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Of the process.
    pub(crate) service: String,
    pub(crate) instance: String,
    pub(crate) name: String,
    pub(crate) kind: SpanKind,
    pub(crate) trace: String,
    pub(crate) id: String,
    pub(crate) parent: String,
    pub(crate) said: BTreeMap<String, String>,
    pub(crate) took_ns: u64,
}

#[derive(Clone)]
pub(crate) struct Collector {
    pub(crate) endpoint: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Collector {
    pub(crate) async fn start(tasks: &Tasks) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let collector = Self { endpoint, seen: Arc::default() };
        let routes = Routes::new(TraceServiceServer::new(collector.clone()));
        let readiness = chassis::metrics::Readiness::new();
        chassis::grpc::serve(listener, routes, Reflected::default(), &readiness, tasks).await?;
        Ok(collector)
    }

    /// One that is asked over TLS, with a certificate that it signed itself.
    pub(crate) async fn over_tls(tasks: &Tasks) -> Result<(Self, String)> {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(vec!["localhost".to_owned()])?;
        let identity = Identity::from_pem(cert.pem(), signing_key.serialize_pem());
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("https://localhost:{}", listener.local_addr()?.port());
        let collector = Self { endpoint, seen: Arc::default() };
        let serving = Server::builder()
            .tls_config(ServerTlsConfig::new().identity(identity))?
            .add_service(TraceServiceServer::new(collector.clone()))
            .serve_with_incoming_shutdown(TcpListenerStream::new(listener), tasks.shutdown().wait());
        tasks.spawn("a collector", async move { Ok(serving.await?) });
        Ok((collector, cert.pem()))
    }

    /// What a process is told so that it sends its spans here: of the traces that begin there, none.
    pub(crate) fn arguments(&self) -> [String; 2] {
        [format!("--otlp-endpoint={}", self.endpoint), "--otlp-ratio=0".to_owned()]
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.kept().clone()
    }

    /// Those of a trace.
    pub(crate) fn of(&self, trace: &str) -> Vec<Seen> {
        self.kept().iter().filter(|span| span.trace == trace).cloned().collect()
    }

    /// Those of a trace, as soon as that is all of them.
    pub(crate) async fn until(&self, trace: &str, is_all: impl Fn(&[Seen]) -> bool) -> Result<Vec<Seen>> {
        let looking = async {
            loop {
                let seen = self.of(trace);
                if is_all(&seen) {
                    return seen;
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        let Ok(seen) = timeout(PATIENCE, looking).await else {
            bail!("after {PATIENCE:?} these are the spans: {:#?}", self.of(trace))
        };
        Ok(seen)
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for of_resource in request.into_inner().resource_spans {
            let process = texts(of_resource.resource.unwrap_or_default().attributes);
            let spans = of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            self.kept().extend(spans.map(|span| Seen::new(&process, span)));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Seen {
    fn new(process: &BTreeMap<String, String>, span: Span) -> Self {
        let of = |name: &str| process.get(name).cloned().unwrap_or_default();
        Self {
            service: of("service.name"),
            instance: of("service.instance.id"),
            kind: span.kind(),
            name: span.name,
            trace: hex(&span.trace_id),
            id: hex(&span.span_id),
            parent: hex(&span.parent_span_id),
            said: texts(span.attributes),
            took_ns: span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano),
        }
    }

    pub(crate) fn says(&self, name: &str, value: &str) -> bool {
        self.said.get(name).is_some_and(|it| it == value)
    }
}

fn texts(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value: Value| match value {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    let pair = |it: KeyValue| Some((it.key, text(it.value?.value?)));
    attributes.into_iter().filter_map(pair).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
