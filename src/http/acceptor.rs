//! Takes connections in.
//!
//! poem's own acceptor leaves small answers waiting for the client's acknowledgement (no `TCP_NODELAY`), and spins when the
//! process has no file descriptor left. This one sends at once, and waits a moment after an error.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use tokio::net::{TcpListener, TcpStream};

/// How long to wait after a connection could not be taken in.
const AFTER_ERROR: Duration = Duration::from_millis(50);

/// Takes connections in from a TCP listener.
#[derive(Debug)]
pub struct Acceptor {
    listener: TcpListener,
    address: SocketAddr,
}

impl Acceptor {
    /// Takes connections in from this listener.
    ///
    /// # Errors
    /// The listener has no address.
    pub fn new(listener: TcpListener) -> io::Result<Self> {
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }
}

impl poem::listener::Acceptor for Acceptor {
    type Io = TcpStream;

    fn local_addr(&self) -> Vec<LocalAddr> {
        vec![LocalAddr(self.address.into())]
    }

    async fn accept(&mut self) -> io::Result<(TcpStream, LocalAddr, RemoteAddr, Scheme)> {
        loop {
            match self.listener.accept().await {
                Ok((stream, from)) => {
                    // Without it answers are only slower.
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "TCP_NODELAY was refused");
                    }
                    return Ok((
                        stream,
                        LocalAddr(self.address.into()),
                        RemoteAddr(from.into()),
                        Scheme::HTTP,
                    ));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection was not taken in");
                    tokio::time::sleep(AFTER_ERROR).await;
                }
            }
        }
    }
}
