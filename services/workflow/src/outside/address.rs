//! Which addresses a webhook may reach: public ones. Asked after names are resolved, inside the connector, and of
//! addresses that a URL names itself; every form that embeds an IPv4 address is judged by that one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// IPv4 that is not public, by IANA's registry of special purposes.
const NOT_PUBLIC_V4: [Ipv4Net; 16] = [
    v4(0, 0, 0, 0, 8),        // this network
    v4(10, 0, 0, 0, 8),       // private
    v4(100, 64, 0, 0, 10),    // shared by carriers
    v4(127, 0, 0, 0, 8),      // loopback
    v4(169, 254, 0, 0, 16),   // link-local, clouds' metadata
    v4(172, 16, 0, 0, 12),    // private
    v4(192, 0, 0, 0, 24),     // protocol assignments
    v4(192, 0, 2, 0, 24),     // documentation
    v4(192, 88, 99, 0, 24),   // 6to4 relays
    v4(192, 168, 0, 0, 16),   // private
    v4(198, 18, 0, 0, 15),    // benchmarks
    v4(198, 51, 100, 0, 24),  // documentation
    v4(203, 0, 113, 0, 24),   // documentation
    v4(224, 0, 0, 0, 4),      // multicast
    v4(240, 0, 0, 0, 4),      // reserved, broadcast
    v4(168, 63, 129, 16, 32), // a cloud's metadata on a public address
];

/// The only public IPv6 there is, ...
const PUBLIC_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// ... less these.
const NOT_PUBLIC_V6: [Ipv6Net; 4] = [
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), // protocol assignments, Teredo among them
    v6([0x2001, 0x0db8, 0, 0, 0, 0, 0, 0], 32), // documentation
    v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), // 6to4
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), // documentation
];

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(s: [u16; 8], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]), prefix)
}

/// Whether a call may go there. `allow_loopback`: for development.
pub(crate) fn is_allowed(address: IpAddr, allow_loopback: bool) -> bool {
    match address {
        IpAddr::V4(address) => is_allowed_v4(address, allow_loopback),
        IpAddr::V6(address) if address.is_loopback() => allow_loopback,
        IpAddr::V6(address) => match embedded(address) {
            Some(inner) => is_allowed_v4(inner, allow_loopback),
            None => PUBLIC_V6.contains(&address) && !NOT_PUBLIC_V6.iter().any(|net| net.contains(&address)),
        },
    }
}

fn is_allowed_v4(address: Ipv4Addr, allow_loopback: bool) -> bool {
    if address.is_loopback() {
        return allow_loopback;
    }
    !NOT_PUBLIC_V4.iter().any(|net| net.contains(&address))
}

/// The IPv4 address in an IPv6 one through which a gateway would reach it: mapped, NAT64's well-known prefix, ISATAP.
/// What embeds one otherwise (compatible, 6to4, Teredo, NAT64's local prefix) is not public at all.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let last = || {
        let o = address.octets();
        Ipv4Addr::new(o[12], o[13], o[14], o[15])
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, ..] => Some(last()),
        [0x0064, 0xff9b, 0, 0, 0, 0, ..] => Some(last()),
        [prefix, _, _, _, 0 | 0x0200, 0x5efe, ..] if prefix & 0xe000 == 0x2000 => Some(last()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(addresses: &[&str], allow_loopback: bool, expected: bool) {
        for address in addresses {
            assert_eq!(is_allowed(address.parse().unwrap(), allow_loopback), expected, "{address}");
        }
    }

    #[test]
    fn public_addresses_are_reached() {
        check(
            &[
                "1.1.1.1",
                "8.8.8.8",
                "93.184.216.34",
                "100.63.255.255",
                "100.128.0.0",
                "172.15.255.255",
                "172.32.0.1",
                "192.0.1.1",
                "198.17.255.255",
                "198.20.0.0",
                "223.255.255.255",
                "2606:4700:4700::1111",
                "2a00:1450:4001::1",
                "2001:4860:4860::8888",
                "2400::1",
                "::ffff:8.8.8.8",
                "64:ff9b::8.8.8.8",
                "2600::5efe:8.8.8.8",
            ],
            false,
            true,
        );
    }

    #[test]
    fn addresses_that_are_not_public_are_not() {
        check(
            &[
                "0.0.0.0",
                "0.1.2.3",
                "10.0.0.1",
                "10.255.255.255",
                "100.64.0.1",
                "100.127.255.255",
                "169.254.169.254",
                "172.16.0.1",
                "172.31.255.255",
                "192.0.0.8",
                "192.0.2.1",
                "192.88.99.1",
                "192.168.1.1",
                "198.18.0.1",
                "198.19.255.255",
                "198.51.100.7",
                "203.0.113.9",
                "224.0.0.1",
                "239.255.255.255",
                "240.0.0.1",
                "255.255.255.255",
                "168.63.129.16",
            ],
            true,
            false,
        );
        check(
            &[
                "::",
                "fe80::1",
                "fc00::1",
                "fd12:3456::1",
                "ff02::1",
                "fec0::1",
                "2001::1",
                "2001:0:4136::1",
                "2001:db8::1",
                "2001:10::1",
                "2001:20::1",
                "2002:7f00:1::",
                "2002:808:808::1",
                "3fff::1",
                "100::1",
                "5f00::1",
                "4000::1",
            ],
            true,
            false,
        );
    }

    #[test]
    fn an_embedded_address_is_judged_as_itself() {
        check(
            &[
                "::ffff:10.0.0.1",
                "::ffff:169.254.169.254",
                "::10.0.0.1",
                "::8.8.8.8",
                "64:ff9b::10.0.0.1",
                "64:ff9b::169.254.169.254",
                "64:ff9b:1::8.8.8.8",
                "2600::5efe:10.0.0.1",
                "2600::200:5efe:10.0.0.1",
                "fe80::5efe:8.8.8.8",
                "::ffff:0:8.8.8.8",
            ],
            true,
            false,
        );
    }

    #[test]
    fn loopback_is_reached_in_development_only() {
        let loopback = ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"];
        check(&loopback, false, false);
        check(&loopback, true, true);
    }
}
