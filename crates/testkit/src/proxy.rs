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
    /// Connections are cut, new ones too.
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
async fn carry(near: TcpStream, target: Target, mut network: watch::Receiver<Network>) {
    let now = *network.borrow_and_update();
    match now {
        Network::Cut => return,
        Network::HalfOpen => return hold(near).await,
        Network::Sound | Network::Slow(_) => {}
    }
    if near.set_nodelay(true).is_err() {
        return;
    }
    let far: io::Result<(Box<dyn AsyncRead + Send + Unpin>, Box<dyn AsyncWrite + Send + Unpin>)> =
        match target {
            Target::Tcp(address) => TcpStream::connect(address).await.map(|far| {
                let (read, write) = far.into_split();
                (Box::new(read) as _, Box::new(write) as _)
            }),
            Target::Unix(path) => UnixStream::connect(path).await.map(|far| {
                let (read, write) = far.into_split();
                (Box::new(read) as _, Box::new(write) as _)
            }),
        };
    let Ok((far_read, far_write)) = far else { return };
    let (mut near_read, mut near_write) = near.into_split();
    let broken = {
        let slow = network.clone();
        let there = copy(&mut near_read, far_write, slow.clone());
        let back = copy(far_read, &mut near_write, slow);
        tokio::select! {
            () = there => None,
            () = back => None,
            broken = breaks(&mut network) => Some(broken),
        }
    };
    if broken == Some(Network::HalfOpen)
        && let Ok(near) = near_read.reunite(near_write)
    {
        hold(near).await;
    }
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
