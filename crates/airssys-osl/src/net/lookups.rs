//! Which addresses a session was given for which names, and for how long that counts.
//!
//! Only what was handed out counts: a name whose addresses are others a moment later (DNS rebinding) does not change
//! as what the first ones are judged.

use crate::resource::Host;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::Instant;

/// How many look-ups are remembered; the oldest is forgotten first.
pub(in crate::net) const MAX_LOOK_UPS: usize = 256;
/// How many addresses of one name are handed out.
pub(in crate::net) const MAX_ADDRESSES: usize = 64;

/// As which hosts an address is judged, and since which look-up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::net) struct Seen {
    pub(in crate::net) hosts: Vec<Host>,
    pub(in crate::net) look_up: u64,
}

#[derive(Debug, Default)]
pub(in crate::net) struct Lookups {
    last: u64,
    /// By number, and so by age.
    by_number: BTreeMap<u64, LookUp>,
    by_address: HashMap<IpAddr, Vec<u64>>,
}

#[derive(Debug)]
struct LookUp {
    host: Host,
    expires: Instant,
    handed_out: Vec<IpAddr>,
}

impl Lookups {
    /// Remembers an answer of which nothing was handed out yet, and numbers it.
    pub(in crate::net) fn answered(&mut self, host: Host, expires: Instant, now: Instant) -> u64 {
        while self.by_number.first_entry().is_some_and(|oldest| oldest.get().expires <= now)
            || self.by_number.len() >= MAX_LOOK_UPS
        {
            self.forget_oldest();
        }
        self.last += 1;
        self.by_number.insert(self.last, LookUp { host, expires, handed_out: Vec::new() });
        self.last
    }

    /// From now on the address is judged as the host of that look-up; unless it has expired.
    pub(in crate::net) fn hand_out(&mut self, number: u64, address: IpAddr) {
        let Some(look_up) = self.by_number.get_mut(&number) else { return };
        if look_up.handed_out.len() < MAX_ADDRESSES && !look_up.handed_out.contains(&address) {
            look_up.handed_out.push(address);
            self.by_address.entry(address).or_default().push(number);
        }
    }

    /// As what an address is judged now.
    pub(in crate::net) fn seen(&self, address: IpAddr, now: Instant) -> Seen {
        let mut seen = Seen::default();
        for number in self.by_address.get(&address).into_iter().flatten() {
            if let Some(look_up) = self.by_number.get(number).filter(|look_up| look_up.expires > now) {
                seen.look_up = seen.look_up.max(*number);
                seen.hosts.push(look_up.host.clone());
            }
        }
        seen.hosts.sort();
        seen.hosts.dedup();
        seen
    }

    fn forget_oldest(&mut self) {
        let Some((number, forgotten)) = self.by_number.pop_first() else { return };
        for address in forgotten.handed_out {
            if let Some(numbers) = self.by_address.get_mut(&address) {
                numbers.retain(|kept| *kept != number);
                if numbers.is_empty() {
                    self.by_address.remove(&address);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const MINUTE: Duration = Duration::from_secs(60);

    fn host(text: &str) -> Host {
        Host::parse(text).unwrap()
    }

    fn ip(n: u32) -> IpAddr {
        IpAddr::from(n.to_be_bytes())
    }

    #[test]
    fn an_address_that_was_not_handed_out_is_judged_as_no_host() {
        let (mut table, now) = (Lookups::default(), Instant::now());
        let number = table.answered(host("a.example"), now + MINUTE, now);
        assert_eq!(table.seen(ip(1), now), Seen::default());
        table.hand_out(number, ip(1));
        assert_eq!(table.seen(ip(1), now).hosts, [host("a.example")]);
        assert_eq!(table.seen(ip(2), now), Seen::default());
    }

    #[test]
    fn what_expired_counts_no_longer_and_a_new_look_up_is_another() {
        let (mut table, now) = (Lookups::default(), Instant::now());
        let first = table.answered(host("a.example"), now + MINUTE, now);
        table.hand_out(first, ip(1));
        assert_eq!(table.seen(ip(1), now + MINUTE), Seen::default());
        let second = table.answered(host("b.example"), now + 2 * MINUTE, now);
        table.hand_out(second, ip(1));
        let both = table.seen(ip(1), now);
        assert_eq!((both.hosts.len(), both.look_up), (2, second));
        assert_eq!(table.seen(ip(1), now + MINUTE).hosts, [host("b.example")]);
        let later = now + 3 * MINUTE;
        table.answered(host("c.example"), later + MINUTE, later);
        table.hand_out(first, ip(9));
        assert_eq!((table.by_number.len(), table.by_address.len()), (1, 0), "what expired is forgotten");
    }

    #[test]
    fn a_guest_cannot_make_it_grow_without_bound() {
        let (mut table, now) = (Lookups::default(), Instant::now());
        for n in 0..3 * MAX_LOOK_UPS as u32 {
            let number = table.answered(host("a.example"), now + MINUTE, now);
            (0..2 * MAX_ADDRESSES as u32).for_each(|k| table.hand_out(number, ip(n * 1000 + k)));
        }
        assert_eq!(table.by_number.len(), MAX_LOOK_UPS);
        assert_eq!(table.by_address.len(), MAX_LOOK_UPS * MAX_ADDRESSES);
        assert!(table.seen(ip(0), now).hosts.is_empty(), "the oldest is forgotten first");
    }
}
