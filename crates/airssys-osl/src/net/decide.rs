//! The decisions on an address: in every form it has, each with its own record.

use crate::action::{Action, NetBind};
use crate::gate::{Denied, Permit, Weighed};
use crate::net::embedded::{forms, is_ipv4_in_disguise};
use crate::net::lookups::Seen;
use crate::net::standing::Standing;
use crate::net::{Family, NetError, Network};
use crate::resource::{Endpoint, Transport};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

/// An allowed address, and the permits for all its forms.
pub(in crate::net) struct Granted<A: Action<Resource = Endpoint>> {
    permits: Vec<Permit<A>>,
    any: IpAddr,
}

impl<A: Action<Resource = Endpoint>> Granted<A> {
    /// The address that was decided on, as the first permit names it.
    pub(in crate::net) fn address(&self) -> Result<SocketAddr, NetError> {
        let endpoint = self.permits.first().ok_or(NetError::InvalidArgument)?.resource();
        Ok(SocketAddr::new(endpoint.ip().unwrap_or(self.any), endpoint.port()))
    }

    /// What it leaves to a handle.
    pub(in crate::net) fn into_standing(self) -> Standing {
        Standing::of(self.permits)
    }
}

impl Network {
    /// As which hosts each form of an address is judged now: as those it was itself looked up as, and the address as it
    /// is given hands its own on to what it carries, which traffic to it reaches.
    ///
    /// INVARIANT: never the other way. Anybody can make an address that carries somebody else's (ISATAP in a network of
    /// his own, Teredo by a server of his choice), and it would be judged as the other's host.
    pub(in crate::net) fn seen(&self, forms: &[SocketAddr]) -> Vec<Seen> {
        let (lookups, now) = (self.lookups(), Instant::now());
        let mut each: Vec<_> = forms.iter().map(|form| lookups.seen(form.ip(), now)).collect();
        if let Some((given, carried)) = each.split_first_mut() {
            for seen in carried {
                seen.look_up = seen.look_up.max(given.look_up);
                seen.hosts.extend(given.hosts.iter().cloned());
            }
        }
        each
    }

    /// Decides on somebody else's address, as the hosts it was looked up as.
    pub(in crate::net) fn decide_remote<A: Action<Resource = Endpoint>>(
        &self,
        remote: SocketAddr,
        transport: Transport,
        import: &'static str,
    ) -> Result<Granted<A>, NetError> {
        let forms = forms(remote);
        if forms.iter().any(|form| form.ip().is_unspecified()) {
            // `*` is for local addresses; a remote of that name would reach this host itself.
            return Err(NetError::InvalidArgument);
        }
        let seen = self.seen(&forms);
        let endpoints =
            forms.iter().zip(&seen).map(|(form, seen)| endpoint(*form, transport, seen)).collect();
        let granted = self.decide(endpoints, remote.ip(), import)?;
        // After the decision, so that who tries it leaves a record: no IPv6 socket takes such an address.
        if is_ipv4_in_disguise(remote.ip()) { Err(NetError::InvalidArgument) } else { Ok(granted) }
    }

    /// Decides on an address of this host. No name says anything about those.
    pub(in crate::net) fn decide_local<A: Action<Resource = Endpoint>>(
        &self,
        local: SocketAddr,
        transport: Transport,
        import: &'static str,
    ) -> Result<Granted<A>, NetError> {
        let endpoints = forms(local).into_iter().map(|form| Endpoint::of(form, transport)).collect();
        let granted = self.decide(endpoints, local.ip(), import)?;
        if is_ipv4_in_disguise(local.ip()) { Err(NetError::InvalidArgument) } else { Ok(granted) }
    }

    /// Decides on the local address that the system takes by itself.
    pub(in crate::net) fn decide_implicit_bind(
        &self,
        transport: Transport,
        import: &'static str,
    ) -> Result<Standing, NetError> {
        let any = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
        Ok(self.decide_local::<NetBind>(any, transport, import)?.into_standing())
    }

    /// All of them are asked, so that each leaves its record; the first denial counts.
    fn decide<A: Action<Resource = Endpoint>>(
        &self,
        endpoints: Vec<Endpoint>,
        any: IpAddr,
        import: &'static str,
    ) -> Result<Granted<A>, Denied> {
        let decided: Vec<_> =
            endpoints.into_iter().map(|endpoint| self.session().authorize::<A>(endpoint, import)).collect();
        let permits = decided.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(Granted { permits, any })
    }

    /// Decides on where something comes from. None: refused, and counted.
    ///
    /// Who is outside decides how often this is asked. Only the first denials are recorded singly.
    pub(in crate::net) fn decide_incoming<A: Action<Resource = Endpoint>>(
        &self,
        remote: SocketAddr,
        transport: Transport,
        import: &'static str,
    ) -> Option<Standing> {
        let forms = forms(remote);
        let nobody = remote.port() == 0 || forms.iter().any(|form| form.ip().is_unspecified());
        if nobody || !self.may_judge(forms.len(), Instant::now()) {
            self.count_refused(transport, import);
            return None;
        }
        let seen = self.seen(&forms);
        let endpoints = forms.iter().zip(&seen).map(|(form, seen)| endpoint(*form, transport, seen));
        let weighed: Vec<Weighed<A>> =
            endpoints.map(|endpoint| self.session().weigh::<A>(endpoint, import)).collect();
        let allowed = weighed.iter().all(Weighed::is_allowed);
        if !allowed && !self.count_refused(transport, import) {
            return None;
        }
        let committed: Vec<_> = weighed.into_iter().map(Weighed::commit).collect();
        let permits = committed.into_iter().collect::<Result<Vec<_>, _>>();
        if allowed && permits.is_err() {
            self.count_refused(transport, import);
        }
        permits.ok().map(Standing::of)
    }
}

fn endpoint(address: SocketAddr, transport: Transport, seen: &Seen) -> Endpoint {
    Endpoint::of(address, transport).looked_up_as(seen.hosts.iter().cloned(), seen.look_up)
}

/// Whether an address can be where something is sent to at all; what is left open here is decided or fails.
pub(in crate::net) fn check_remote(remote: SocketAddr, family: Family) -> Result<SocketAddr, NetError> {
    let zoned = matches!(remote, SocketAddr::V6(v6) if v6.scope_id() != 0);
    if Family::of(&remote) != family || remote.ip().is_unspecified() || remote.port() == 0 || zoned {
        return Err(NetError::InvalidArgument);
    }
    Ok(SocketAddr::new(remote.ip(), remote.port()))
}

/// Whether an address can be a local one.
pub(in crate::net) fn check_local(local: SocketAddr, family: Family) -> Result<SocketAddr, NetError> {
    let zoned = matches!(local, SocketAddr::V6(v6) if v6.scope_id() != 0);
    if Family::of(&local) != family || !is_unicast(local.ip()) || zoned {
        return Err(NetError::InvalidArgument);
    }
    Ok(SocketAddr::new(local.ip(), local.port()))
}

/// True for the address of one host, or of all of this one.
pub(in crate::net) fn is_unicast(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => !ip.is_multicast() && !ip.is_broadcast(),
        IpAddr::V6(ip) => !ip.is_multicast(),
    }
}
