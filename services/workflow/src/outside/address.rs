//! Which addresses a webhook may reach: public ones. Asked after names are resolved, inside the connector, and of
//! addresses that a URL names itself. A form that embeds an IPv4 address is judged by its own range first, and by that
//! address too.

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
        IpAddr::V6(address) => match translated(address) {
            Some(inner) => is_allowed_v4(inner, allow_loopback),
            None => is_public_v6(address) && tunnelled(address).is_none_or(|v4| is_allowed_v4(v4, false)),
        },
    }
}

fn is_allowed_v4(address: Ipv4Addr, allow_loopback: bool) -> bool {
    if address.is_loopback() {
        return allow_loopback;
    }
    !NOT_PUBLIC_V4.iter().any(|net| net.contains(&address))
}

/// What embeds an IPv4 address as compatible, 6to4, Teredo or by NAT64's local prefix is never public.
fn is_public_v6(address: Ipv6Addr) -> bool {
    PUBLIC_V6.contains(&address) && !NOT_PUBLIC_V6.iter().any(|net| net.contains(&address))
}

/// The IPv4 address that an IPv6 one stands for, outside the public range: mapped, or by NAT64's well-known prefix.
fn translated(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x0064, 0xff9b, 0, 0, 0, 0, ..] => Some(last(address)),
        _ => None,
    }
}

/// The IPv4 address at the end of a tunnel, by an interface id of ISATAP (RFC 5214, section 6.1), under any prefix. Of
/// its first half only the bits for universal and group may be set.
fn tunnelled(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [.., flags, isatap, _, _] = address.segments();
    (flags & !0x0300 == 0 && isatap == 0x5efe).then(|| last(address))
}

fn last(address: Ipv6Addr) -> Ipv4Addr {
    let [.., a, b, c, d] = address.octets();
    Ipv4Addr::new(a, b, c, d)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
                "2600::300:5efe:10.0.0.1",
                "2600::5efe:100.64.0.1",
                "2600::5efe:127.0.0.1",
                "2600::5efe:198.18.0.1",
                "2600::5efe:224.0.0.1",
                "2600::5efe:255.255.255.255",
                "fe80::5efe:8.8.8.8",
                "fd00::5efe:8.8.8.8",
                "ff0e::5efe:8.8.8.8",
                "::ffff:0:8.8.8.8",
            ],
            true,
            false,
        );
    }

    #[test]
    fn a_range_that_is_not_public_is_not_made_so_by_what_its_address_embeds() {
        check(
            &[
                // 6to4 of 127.0.0.1, of 10.0.0.1 and of a public address.
                "2002:7f00:1::5efe:808:808",
                "2002:a00:1::200:5efe:808:808",
                "2002:808:808::5efe:808:808",
                // Teredo: its server, flags, port, and the client's address inverted.
                "2001:0:4136:e378:8000:63bf:f5ff:fffe",
                "2001:0:4136:e378:0:5efe:f7f7:f7f7",
                "2001:0:a00:1:0:5efe:808:808",
                "2001:db8::5efe:808:808",
                "3fff::5efe:808:808",
                "64:ff9b:1::5efe:808:808",
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

    /// What the standard library, asked on its own, and the two ranges that it has no stable question for say.
    fn is_special(v4: Ipv4Addr) -> bool {
        let [a, b, ..] = v4.octets();
        v4.is_private()
            || v4.is_loopback()
            || v4.is_link_local()
            || v4.is_multicast()
            || v4.is_broadcast()
            || v4.is_documentation()
            || v4.is_unspecified()
            || (a == 100 && b & 0xc0 == 64)
            || (a == 198 && b & 0xfe == 18)
    }

    fn special() -> impl Strategy<Value = Ipv4Addr> {
        let nets = proptest::sample::select(NOT_PUBLIC_V4.to_vec());
        let within = |(net, host): (Ipv4Net, u32)| {
            Ipv4Addr::from_bits(net.network().to_bits() | (host & net.hostmask().to_bits()))
        };
        prop_oneof![(nets, any::<u32>()).prop_map(within), any::<u32>().prop_map(Ipv4Addr::from_bits)]
    }

    /// Every form in which an IPv6 address embeds an IPv4 one, what is free in it filled with noise.
    fn forms(v4: Ipv4Addr, noise: u128) -> [u128; 10] {
        let (inner, interface) = (u128::from(v4.to_bits()), noise & 0xffff_ffff_ffff_ffff);
        let (prefix, flags) = (noise & !0xffff_ffff_ffff_ffff, noise & 0x0300);
        let isatap = |prefix: u128| prefix | flags << 48 | 0x5efe << 32 | inner;
        [
            inner,                                                                 // compatible
            0xffff << 32 | inner,                                                  // mapped
            0xffff << 48 | inner,                                                  // translated
            0x0064_ff9b << 96 | inner,                                             // NAT64
            0x0064_ff9b_0001 << 80 | (noise & 0xffff_ffff_ffff << 32) | inner,     // NAT64, local
            0x2002 << 112 | inner << 80 | (noise & 0xffff << 64) | interface,      // 6to4
            0x2001 << 112 | inner << 64 | interface,                               // Teredo's server
            0x2001 << 112 | (prefix & 0xffff_ffff << 64) | (!inner & 0xffff_ffff), // Teredo's client
            isatap(prefix),                                                        // ISATAP
            isatap(0x2 << 124 | prefix >> 4 & !0xffff_ffff_ffff_ffff),             // ISATAP, mostly public
        ]
    }

    proptest! {
        #[test]
        fn no_address_that_embeds_one_that_is_not_public_is_allowed(v4 in special(), noise: u128) {
            let is_public = is_allowed(v4.into(), false);
            prop_assert!(!(is_public && is_special(v4)), "{}", v4);
            for form in forms(v4, noise).map(Ipv6Addr::from_bits) {
                prop_assert!(is_public || !is_allowed(form.into(), false), "{} embeds {}", form, v4);
            }
        }
    }
}
