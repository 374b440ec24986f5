//! Whom an address stands for: a home, a proxy, or whoever a proxy speaks for.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// Whom addresses are counted as: one of IPv4, or a /64 of IPv6, which is what one home has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(IpAddr);

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                Self(IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)))
            }
            v4 => Self(v4),
        }
    }
}

impl Network {
    /// Whether it is the machine itself.
    pub fn is_loopback(self) -> bool {
        self.0.is_loopback() || self == Self::from(IpAddr::V6(Ipv6Addr::LOCALHOST))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(v4) => v4.fmt(f),
            IpAddr::V6(v6) => write!(f, "{v6}/64"),
        }
    }
}

impl FromStr for Network {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.strip_suffix("/64").unwrap_or(text).parse::<IpAddr>().map(Self::from)
    }
}

/// A block of addresses, written `10.0.0.0/8`, `2001:db8::/32`, or as one address.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(try_from = "String", into = "String")]
pub struct Block {
    address: IpAddr,
    /// Leading bits that count.
    bits: u8,
}

/// A text that is no block of addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no block of addresses; write \"10.0.0.0/8\" or \"192.0.2.1\"")]
pub struct BlockError(String);

impl Block {
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address.parse::<IpAddr>().ok()?, Some(bits.parse::<u8>().ok()?)),
            None => (text.parse::<IpAddr>().ok()?, None),
        };
        let all = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(all);
        (bits <= all).then_some(Self { address, bits })
    }

    /// Whether an address is one of these.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let differ = own.to_bits() ^ other.to_bits();
                differ.leading_zeros() >= u32::from(self.bits)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let differ = own.to_bits() ^ other.to_bits();
                differ.leading_zeros() >= u32::from(self.bits)
            }
            _ => false,
        }
    }
}

impl TryFrom<String> for Block {
    type Error = BlockError;

    fn try_from(text: String) -> Result<Self, BlockError> {
        Self::parse(text.trim()).ok_or_else(|| BlockError(text.chars().take(60).collect()))
    }
}

impl From<Block> for String {
    fn from(block: Block) -> Self {
        format!("{}/{}", block.address, block.bits)
    }
}

/// Who asks: the peer or, if that is a trusted proxy, the nearest one in what it forwarded (the value of
/// `X-Forwarded-For`, nearest last) that is none. What somebody else says is not believed.
pub fn client_of(peer: IpAddr, forwarded: &[&str], trusted: &[Block]) -> IpAddr {
    let is_trusted = |address| trusted.iter().any(|block| block.contains(address));
    let mut client = peer.to_canonical();
    for hop in forwarded.iter().rev().map(|hop| hop.trim()) {
        if !is_trusted(client) {
            break;
        }
        let with_port = || hop.parse::<SocketAddr>().map(|address| address.ip());
        let Ok(address) = hop.parse::<IpAddr>().or_else(|_| with_port()) else { break };
        client = address.to_canonical();
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn block(text: &str) -> Block {
        Block::try_from(text.to_owned()).expect("a block")
    }

    #[test]
    fn neighbours_in_a_network_are_one() {
        let network = |text: &str| Network::from(ip(text));
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        for text in ["192.0.2.1", "2001:db8::/64"] {
            assert_eq!(text.parse::<Network>().expect("a network").to_string(), text);
        }
        assert_eq!("2001:db8::7".parse::<Network>().expect("a network").to_string(), "2001:db8::/64");
        assert!(network("127.0.0.2").is_loopback() && network("::1").is_loopback());
    }

    #[test]
    fn a_block_contains_what_begins_alike() {
        assert!(block("10.0.0.0/8").contains(ip("10.255.0.1")));
        assert!(!block("10.0.0.0/8").contains(ip("11.0.0.1")));
        assert!(block("0.0.0.0/0").contains(ip("203.0.113.9")));
        assert!(!block("0.0.0.0/0").contains(ip("2001:db8::1")));
        assert!(
            block("192.0.2.1").contains(ip("192.0.2.1")) && !block("192.0.2.1").contains(ip("192.0.2.2"))
        );
        assert!(block("2001:db8::/32").contains(ip("2001:db8:9::1")));
        for wrong in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "proxy.example"] {
            assert!(Block::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let trusted = [block("10.0.0.0/8"), block("192.0.2.1")];
        let client = |peer, forwarded: &[&str]| client_of(ip(peer), forwarded, &trusted);
        assert_eq!(client("203.0.113.9", &["198.51.100.1"]), ip("203.0.113.9"), "a stranger says anything");
        assert_eq!(client("10.1.1.1", &["198.51.100.1"]), ip("198.51.100.1"));
        assert_eq!(client("10.1.1.1", &["1.1.1.1", " 198.51.100.1 ", "192.0.2.1"]), ip("198.51.100.1"));
        assert_eq!(client("10.1.1.1", &["198.51.100.1:4711"]), ip("198.51.100.1"));
        assert_eq!(client("10.1.1.1", &["nonsense"]), ip("10.1.1.1"));
        assert_eq!(client("10.1.1.1", &[]), ip("10.1.1.1"));
        assert_eq!(client("::ffff:10.1.1.1", &["::ffff:198.51.100.1"]), ip("198.51.100.1"));
    }
}
