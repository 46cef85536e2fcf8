//! A loopback listener for processes of this user.

use std::io;
use std::net::SocketAddr;

use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};

#[cfg(target_os = "linux")]
use super::super::fault::is_shortage;

/// The wait before checking the owner of a connection again after a shortage of descriptors.
#[cfg(target_os = "linux")]
const PAUSE: std::time::Duration = std::time::Duration::from_millis(50);

/// Accepts connections from this user's processes, and drops others unread.
///
/// Only Linux reports the owner of a connection; on other systems, every local connection is accepted.
pub(super) struct OwnListener {
    listener: TcpListener,
    address: SocketAddr,
}

impl OwnListener {
    pub(super) async fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Listener for OwnListener {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, peer) = Listener::accept(&mut self.listener).await;
            if is_own(peer, self.address).await {
                // This affects only speed.
                let _ = stream.set_nodelay(true);
                return (stream, peer);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(self.address)
    }
}

#[cfg(target_os = "linux")]
async fn is_own(peer: SocketAddr, own: SocketAddr) -> bool {
    let user = rustix::process::getuid().as_raw();
    loop {
        let reading = tokio::task::spawn_blocking(|| std::fs::read_to_string("/proc/net/tcp"));
        match reading.await.map_err(io::Error::other).flatten() {
            Ok(table) => return owner(&table, peer, own) == Some(user),
            // Dropping the connection would make the function fail, so wait.
            Err(error) if is_shortage(&error) => tokio::time::sleep(PAUSE).await,
            Err(_) => return false,
        }
    }
}

#[cfg(not(target_os = "linux"))]
async fn is_own(_: SocketAddr, _: SocketAddr) -> bool {
    true
}

/// The user that owns the socket from one address to the other, from the kernel's table: columns 2 and 3 are the
/// addresses in hex, column 8 is the user.
#[cfg(target_os = "linux")]
fn owner(table: &str, from: SocketAddr, to: SocketAddr) -> Option<u32> {
    let (from, to) = (in_table(from)?, in_table(to)?);
    table.lines().find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let &[_, local, remote, _, _, _, _, user, ..] = columns.as_slice() else { return None };
        (local == from && remote == to).then(|| user.parse().ok())?
    })
}

/// An address in the format of the kernel's table: the four bytes as one number in native byte order.
#[cfg(target_os = "linux")]
fn in_table(address: SocketAddr) -> Option<String> {
    match address {
        SocketAddr::V4(address) => {
            Some(format!("{:08X}:{:04X}", u32::from_ne_bytes(address.ip().octets()), address.port()))
        }
        SocketAddr::V6(_) => None,
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_a_connection_of_this_user_counts_as_its_own() {
        let mut listener = OwnListener::bind("127.0.0.1:0".parse().expect("an address")).await.expect("a listener");
        let address = listener.address();
        let client = TcpStream::connect(address).await.expect("a connection");
        let accepted = tokio::time::timeout(std::time::Duration::from_mins(2), listener.accept());
        let (_, peer) = accepted.await.expect("the connection is accepted");
        assert_eq!(peer, client.local_addr().expect("an address"));
        assert!(!is_own("127.0.0.1:1".parse().expect("an address"), address).await);
    }
}
