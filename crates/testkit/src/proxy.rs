//! What a network does to connections: it is slow, cuts them, or lets one end believe that the other is still there.
//!
//! Invariant: while the network is sound, bytes arrive as they were sent.

use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
    sync::watch,
    task::JoinSet,
    time::sleep,
};

const BUFFER: usize = 64 << 10;

/// What connections lead to.
#[derive(Debug, Clone)]
pub enum Target {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// How the network is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    Sound,
    /// Everything takes so much longer.
    Slow(Duration),
    /// Connections are reset, new ones too.
    Cut,
    /// The far end of connections that were there is gone, and the near end is never told. New ones get no answer.
    HalfOpen,
}

/// A network before a server. Ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    network: watch::Sender<Network>,
    _serving: JoinSet<()>,
}

impl Proxy {
    /// Before a server that need not be there yet.
    pub async fn start(target: Target) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, network) = (listener.local_addr()?, watch::Sender::new(Network::Sound));
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, target, network.subscribe()));
        Ok(Self { address, network, _serving: serving })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn be(&self, network: Network) {
        self.network.send_replace(network);
    }
}

async fn serve(listener: TcpListener, target: Target, network: watch::Receiver<Network>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // Out of descriptors, or a client that has gone: the next one is another matter.
            accepted = listener.accept() => if let Ok((near, _)) = accepted {
                connections.spawn(carry(near, target.clone(), network.clone()));
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// One connection, from its beginning to its end. Whatever breaks it, its ends find out by themselves.
async fn carry(mut near: TcpStream, target: Target, mut network: watch::Receiver<Network>) {
    let now = *network.borrow_and_update();
    let broken = match now {
        Network::Cut | Network::HalfOpen => Some(now),
        Network::Sound | Network::Slow(_) => lead(&mut near, target, &mut network).await,
    };
    match broken {
        Some(Network::HalfOpen) => hold(near).await,
        Some(_) => reset(near),
        None => {}
    }
}

/// Leads it to its far end until one of them closes it, or the network breaks it, and then how. The far end is gone
/// afterwards.
async fn lead(
    near: &mut TcpStream,
    target: Target,
    network: &mut watch::Receiver<Network>,
) -> Option<Network> {
    near.set_nodelay(true).ok()?;
    match target {
        Target::Tcp(address) => {
            let mut far = TcpStream::connect(address).await.ok()?;
            let broken = between(near, &mut far, network).await;
            if broken == Some(Network::Cut) {
                reset(far);
            }
            broken
        }
        Target::Unix(path) => between(near, &mut UnixStream::connect(path).await.ok()?, network).await,
    }
}

async fn between(
    near: &mut TcpStream,
    far: &mut (impl AsyncRead + AsyncWrite + Unpin),
    network: &mut watch::Receiver<Network>,
) -> Option<Network> {
    let slow = network.clone();
    let (near_read, near_write) = near.split();
    let (far_read, far_write) = tokio::io::split(far);
    tokio::select! {
        () = copy(near_read, far_write, slow.clone()) => None,
        () = copy(far_read, near_write, slow) => None,
        broken = breaks(network) => Some(broken),
    }
}

/// Closes it so that the other end hears of a reset, and not that all was said. Fails where that has gone already.
fn reset(end: TcpStream) {
    drop(end.set_zero_linger());
}

/// Returns when connections no longer carry anything.
async fn breaks(network: &mut watch::Receiver<Network>) -> Network {
    let broken = network.wait_for(|now| matches!(now, Network::Cut | Network::HalfOpen)).await;
    broken.map_or(Network::Cut, |now| *now)
}

/// Swallows what the near end says, and never answers.
async fn hold(mut near: TcpStream) {
    let mut buffer = vec![0; BUFFER];
    while near.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    network: watch::Receiver<Network>,
) {
    let mut buffer = vec![0; BUFFER];
    while let Ok(read) = from.read(&mut buffer).await
        && read > 0
    {
        let arrived = Instant::now();
        let now = *network.borrow();
        if let Network::Slow(by) = now {
            sleep(by.saturating_sub(arrived.elapsed())).await;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that takes connections and keeps them, a proxy before it, and a client that is connected through both.
    async fn connected() -> (TcpStream, TcpStream, Proxy) {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy::start(Target::Tcp(server.local_addr().unwrap())).await.unwrap();
        let mut near = TcpStream::connect(proxy.address()).await.unwrap();
        let (mut far, _) = server.accept().await.unwrap();
        near.write_all(b"there").await.unwrap();
        far.read_exact(&mut [0; 5]).await.unwrap();
        (near, far, proxy)
    }

    async fn end_of(mut stream: TcpStream) -> io::Result<usize> {
        stream.read(&mut [0; 1]).await
    }

    #[tokio::test]
    async fn a_connection_that_is_cut_is_reset_at_both_ends() {
        let (near, far, proxy) = connected().await;
        proxy.be(Network::Cut);
        for end in [near, far] {
            assert_eq!(end_of(end).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        }
        let new = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(end_of(new).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }

    #[tokio::test]
    async fn a_connection_that_is_closed_ends_in_peace() {
        let (near, far, _proxy) = connected().await;
        drop(far);
        assert_eq!(end_of(near).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn the_near_end_of_a_half_open_connection_is_never_told() {
        let (near, far, proxy) = connected().await;
        proxy.be(Network::HalfOpen);
        assert_eq!(end_of(far).await.unwrap(), 0);
        let told = tokio::time::timeout(Duration::from_millis(100), end_of(near)).await;
        assert!(told.is_err(), "{told:?}");
    }
}
