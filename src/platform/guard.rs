//! Keeps requests away from addresses inside the operator's network.
//!
//! Affiliates choose the links that this program resolves, and names in DNS can point anywhere. So
//! every host that the operator has not set is asked over https only, on the usual port, and only
//! at addresses that are public: a name that resolves to none fails to resolve. Hosts that the
//! operator set pass, because a simulator or a proxy on a private address is what they are for.

use std::collections::HashSet;
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::config::PlatformConfig;
use super::error::PlatformError;
use crate::model::PlatformKind;

/// How long a name is looked up for before it counts as not found.
const LOOK_UP: Duration = Duration::from_secs(3);

/// Decides which hosts and addresses may be asked.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    /// Hosts that the operator set, as [`Url::host_str`] writes them.
    open: Arc<HashSet<String>>,
    /// Whether every host passes.
    everything: bool,
    /// Whether a name that is not known and one without a public address fail alike.
    discreet: bool,
}

/// What strangers hear of a name that leads nowhere: whether it exists inside the operator's network is not for them to learn.
const NOWHERE: &str = "the address has no public address or could not be found";

impl Guard {
    /// Opens the hosts of `config` that differ from the platform's own, if the operator set them.
    pub(super) fn new(kind: PlatformKind, config: &PlatformConfig) -> Self {
        let usual = PlatformConfig::defaults(kind);
        let mut open = HashSet::new();
        if config.operator_set_hosts {
            for (set, usual) in [
                (&config.base_url, &usual.base_url),
                (&config.web_url, &usual.web_url),
            ] {
                if let Some(host) = set.host_str()
                    && usual.host_str() != Some(host)
                {
                    open.insert(host.to_owned());
                }
            }
        }
        Self {
            open: Arc::new(open),
            everything: false,
            discreet: false,
        }
    }

    /// Opens no host that is not public; or, for development, every host.
    pub(super) fn of_strangers(everything: bool) -> Self {
        Self {
            open: Arc::default(),
            everything,
            discreet: !everything,
        }
    }

    fn passes(&self, name: &str) -> bool {
        self.everything || self.open.contains(name)
    }

    /// Whether the host of an address has, at present, an address that may be asked.
    pub(super) async fn finds(&self, url: &Url) -> bool {
        match url.host() {
            Some(Host::Domain(name)) => {
                let found = look_up(name.to_owned(), self.passes(name));
                matches!(tokio::time::timeout(LOOK_UP, found).await, Ok(Ok(_)))
            }
            Some(Host::Ipv4(_) | Host::Ipv6(_)) => self.check(url).is_ok(),
            None => false,
        }
    }

    /// Opens the host that the operator set, if any.
    pub(super) fn opening(host: Option<&str>) -> Self {
        Self {
            open: Arc::new(host.map(str::to_owned).into_iter().collect()),
            everything: false,
            discreet: false,
        }
    }

    /// Refuses an address that must not be asked.
    pub(super) fn check(&self, url: &Url) -> Result<(), PlatformError> {
        let name = url.host_str().unwrap_or_default();
        if self.passes(name) {
            return Ok(());
        }
        let public = match url.host() {
            Some(Host::Domain(_)) => true,
            Some(Host::Ipv4(address)) => is_global(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => is_global(IpAddr::V6(address)),
            None => false,
        };
        let why = if url.scheme() != "https" {
            "only https is used"
        } else if url.port().is_some() {
            "only the usual port is used"
        } else if !url.username().is_empty() || url.password().is_some() {
            "an address with a user name is not used"
        } else if !public {
            "not a public address"
        } else {
            return Ok(());
        };
        Err(PlatformError::refused(&format!(
            "{name} is not asked: {why}"
        )))
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let open = self.passes(name.as_str());
        let found = look_up(name.as_str().to_owned(), open);
        if !self.discreet {
            return Box::pin(found);
        }
        Box::pin(async move {
            found
                .await
                .map_err(|_| Box::<dyn Error + Send + Sync>::from(NOWHERE))
        })
    }
}

async fn look_up(name: String, open: bool) -> Result<Addrs, Box<dyn Error + Send + Sync>> {
    let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
    let allowed = allowed(found, open);
    if allowed.is_empty() {
        return Err(format!("{name} has no public address").into());
    }
    let addresses: Addrs = Box::new(allowed.into_iter());
    Ok(addresses)
}

fn allowed(found: Vec<SocketAddr>, open: bool) -> Vec<SocketAddr> {
    found
        .into_iter()
        .filter(|address| open || is_global(address.ip()))
        .collect()
}

/// Whether an address is one of the public internet, by the IANA special-purpose registries. An
/// IPv6 address that stands for an IPv4 address is judged by that one.
pub(super) fn is_global(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_global_v4(address),
        IpAddr::V6(address) => is_global_v6(address),
    }
}

fn is_global_v4(address: Ipv4Addr) -> bool {
    let special = matches!(
        address.octets(),
        [0 | 10 | 127 | 224..=255, ..] // this network, private, loopback, multicast, reserved
            | [100, 64..=127, ..] // carrier-grade NAT, and some clouds' metadata
            | [169, 254, ..] // link-local, and most clouds' metadata
            | [172, 16..=31, ..] // private
            | [192, 0, 0 | 2, _] // protocol assignments, documentation
            | [192, 88, 99, _] // retired 6to4 relays
            | [192, 168, ..] // private
            | [198, 18 | 19, ..] // benchmarks
            | [198, 51, 100, _] // documentation
            | [203, 0, 113, _] // documentation
            | [168, 63, 129, 16] // one cloud's metadata, at an address that looks public
    );
    !special
}

fn is_global_v6(address: Ipv6Addr) -> bool {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_global_v4(mapped);
    }
    let segments = address.segments();
    if let [0x64, 0xff9b, 0, 0, 0, 0, high, low] = segments {
        // NAT64: the last 32 bits are the IPv4 address that is really asked.
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        return is_global_v4(Ipv4Addr::new(a, b, c, d));
    }
    // Only 2000::/3 is handed out for the public internet; everything else (loopback, fc00::/7,
    // fe80::/10, multicast, 64:ff9b:1::/48 and the rest) is not.
    let unicast = segments[0] & 0xe000 == 0x2000;
    let special = matches!(
        segments,
        [0x2001, 0..=0x1ff | 0xdb8, ..] // protocol assignments with Teredo, documentation
            | [0x2002, ..] // 6to4, which carries any IPv4 address
            | [0x3fff, 0..=0xfff, ..] // documentation
    );
    unicast && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn public_addresses_are_global() {
        for text in [
            "8.8.8.8",
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450:4001::200e",
            "2001:4860:4860::8888",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
        ] {
            assert!(is_global(ip(text)), "{text}");
        }
    }

    #[test]
    fn private_loopback_link_local_and_metadata_addresses_are_not_global() {
        for text in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "100.100.100.200",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_global(ip(text)), "{text}");
        }
    }

    fn guard(base: &str, web: &str, operator_set_hosts: bool) -> Guard {
        let mut config = PlatformConfig::defaults(PlatformKind::Reddit);
        config.base_url = Url::parse(base).unwrap();
        config.web_url = Url::parse(web).unwrap();
        config.operator_set_hosts = operator_set_hosts;
        Guard::new(PlatformKind::Reddit, &config)
    }

    fn passes(guard: &Guard, url: &str) -> bool {
        guard.check(&Url::parse(url).unwrap()).is_ok()
    }

    #[test]
    fn a_host_that_the_operator_set_passes_and_no_other_private_one() {
        let guard = guard("http://127.0.0.1:9/reddit", "https://www.reddit.com", true);
        assert!(passes(&guard, "http://127.0.0.1:9/reddit/api/info"));
        assert!(passes(&guard, "https://www.reddit.com/r/a/s/b"));
        assert!(!passes(&guard, "http://www.reddit.com/r/a/s/b"));
        assert!(!passes(&guard, "http://127.0.0.2:9/reddit/api/info"));
        assert!(!passes(&guard, "https://[::1]/"));
        assert!(!passes(&guard, "https://169.254.169.254/latest/meta-data"));
    }

    #[test]
    fn without_the_operators_word_nothing_private_passes() {
        let guard = guard("http://127.0.0.1:9/reddit", "https://10.0.0.1", false);
        assert!(!passes(&guard, "http://127.0.0.1:9/reddit/api/info"));
        assert!(!passes(&guard, "https://10.0.0.1/"));
        assert!(!passes(&guard, "https://www.reddit.com:8443/"));
        assert!(!passes(&guard, "https://me:pw@www.reddit.com/"));
        assert!(passes(&guard, "https://oauth.reddit.com/api/info"));
    }

    #[test]
    fn a_name_keeps_only_its_public_addresses() {
        let found: Vec<SocketAddr> = ["10.0.0.1:0", "8.8.8.8:0", "[::1]:0"]
            .map(|text| text.parse().unwrap())
            .to_vec();
        assert_eq!(allowed(found.clone(), false), vec![found[1]]);
        assert_eq!(allowed(found.clone(), true), found);
    }

    #[tokio::test]
    async fn a_name_that_has_private_addresses_alone_does_not_resolve() {
        assert!(look_up("localhost".to_owned(), false).await.is_err());
    }

    #[tokio::test]
    async fn strangers_do_not_learn_which_names_there_are() {
        let why = async |guard: &Guard, name: &str| {
            let found = guard.resolve(name.parse().unwrap()).await;
            found.err().unwrap().to_string()
        };
        let (strangers, operators) = (Guard::of_strangers(false), Guard::opening(None));
        // One has private addresses alone, the other is no name and asks no server.
        for name in ["localhost", "no\0thing"] {
            assert_eq!(why(&strangers, name).await, NOWHERE, "{name:?}");
        }
        let private = why(&operators, "localhost").await;
        assert_eq!(private, "localhost has no public address");
        assert_ne!(why(&operators, "no\0thing").await, private);
    }

    #[tokio::test]
    async fn strangers_name_public_hosts_alone_but_for_development() {
        let closed = Guard::of_strangers(false);
        let open = Guard::of_strangers(true);
        for url in [
            "http://127.0.0.1:9/hook",
            "https://localhost/hook",
            "https://[::1]/hook",
            "https://169.254.169.254/latest/meta-data",
        ] {
            let url = Url::parse(url).unwrap();
            assert!(!closed.finds(&url).await, "{url}");
            assert!(open.check(&url).is_ok(), "{url}");
        }
        assert!(passes(&closed, "https://8.8.8.8/hook"));
        assert!(!passes(&closed, "http://8.8.8.8/hook"));
        assert!(!passes(&closed, "https://8.8.8.8:8443/hook"));
    }
}
