//! Which TCP ports the demo's processes listen on (Linux).

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The addresses on which processes listen; empty where there is no `/proc`.
pub(crate) fn addresses(pids: &[u32]) -> Vec<SocketAddr> {
    let inodes: HashSet<String> = pids.iter().flat_map(|pid| sockets(*pid)).collect();
    let mut found: Vec<SocketAddr> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .flat_map(|table| table.lines().filter_map(listener).collect::<Vec<_>>())
        .filter(|(_, inode)| inodes.contains(inode))
        .map(|(address, _)| address)
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Inodes of the sockets a process holds.
fn sockets(pid: u32) -> Vec<String> {
    std::fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|link| {
            let inner = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
            Some(inner.to_owned())
        })
        .collect()
}

/// Address and inode of a line of the kernel's table, when it is a socket that listens.
fn listener(line: &str) -> Option<(SocketAddr, String)> {
    const LISTEN: &str = "0A";
    let mut fields = line.split_whitespace();
    let (address, port) = fields.nth(1)?.split_once(':')?;
    if fields.nth(1)? != LISTEN {
        return None;
    }
    let inode = fields.nth(5)?;
    let port = u16::from_str_radix(port, 16).ok()?;
    Some((SocketAddr::new(ip(address)?, port), inode.to_owned()))
}

/// The kernel prints the words of an address as this computer's numbers.
fn ip(hex_words: &str) -> Option<IpAddr> {
    let words: Option<Vec<[u8; 4]>> = (0..hex_words.len() / 8)
        .map(|word| {
            let text = hex_words.get(word * 8..word * 8 + 8)?;
            u32::from_str_radix(text, 16).ok().map(u32::to_ne_bytes)
        })
        .collect();
    let bytes = words?.concat();
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(|b| Ipv4Addr::from(b).into()),
        16 => <[u8; 16]>::try_from(bytes).ok().map(|b| Ipv6Addr::from(b).into()),
        _ => None,
    }
}

/// Whether only this computer reaches it.
pub(crate) fn is_local(address: &SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn finds_what_this_process_listens_on_and_tells_public_from_local() {
        let local = TcpListener::bind("127.0.0.1:0").unwrap();
        let public = TcpListener::bind("0.0.0.0:0").unwrap();
        let found = addresses(&[std::process::id()]);
        let (local, public) = (local.local_addr().unwrap(), public.local_addr().unwrap());
        assert!(found.contains(&local) && found.contains(&public), "{found:?}");
        assert!(is_local(&local) && !is_local(&public));
        if let Ok(six) = TcpListener::bind("[::1]:0") {
            let six = six.local_addr().unwrap();
            assert!(addresses(&[std::process::id()]).contains(&six) && is_local(&six));
        }
    }
}
