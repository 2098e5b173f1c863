//! Serving HTTP until shutdown.

use std::net::SocketAddr;

use axum::Router;
use tokio::net::TcpListener;

use crate::Tasks;

/// Serves `router` until shutdown; requests under way are finished. Returns the address bound.
pub fn serve(listener: TcpListener, router: Router, tasks: &Tasks) -> anyhow::Result<SocketAddr> {
    let address = listener.local_addr()?;
    let shutdown = tasks.shutdown();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tasks.spawn(format!("http {address}"), async move {
        axum::serve(listener, service).with_graceful_shutdown(shutdown.wait()).await?;
        Ok(())
    });
    Ok(address)
}
