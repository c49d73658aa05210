//! wasi:random: both sources draw from the operating system's generator.

use crate::kernel::{Call, Fail, Guarded};
use airssys_osl::{Random, random};

/// The most bytes one call gives: 1 MiB. Asking for more is a trap, as the interface has no other way to say so.
const MAX_BYTES: u64 = 1 << 20;

/// The standing permission to draw from a source, asked for at its first use.
fn source<'a>(g: &'a mut Guarded<'_>, call: &Call, which: Random) -> Result<&'a mut random::Source, Fail> {
    let session = g.state.session.clone();
    let slot = match which {
        Random::Secure => &mut g.state.ambient.secure,
        Random::Insecure => &mut g.state.ambient.insecure,
    };
    match slot {
        Some(source) => Ok(source),
        None => Ok(slot.insert(random::Source::new(session.authorize(which, call.import())?))),
    }
}

fn bytes(g: &mut Guarded<'_>, call: &Call, which: Random, len: u64) -> Result<Vec<u8>, Fail> {
    let source = source(g, call, which)?;
    let too_many =
        || Fail::Trap(wasmtime::format_err!("`{}`: more than {MAX_BYTES} bytes at once", call.import()));
    let len = usize::try_from(len.min(MAX_BYTES + 1)).map_err(|_| too_many())?;
    if len as u64 > MAX_BYTES {
        return Err(too_many());
    }
    let mut bytes = vec![0; len];
    source.fill(&mut bytes, call.import())?;
    Ok(bytes)
}

pub(super) fn random_get_random_bytes(g: &mut Guarded<'_>, call: Call, len: u64) -> Result<Vec<u8>, Fail> {
    bytes(g, &call, Random::Secure, len)
}

pub(super) fn random_get_random_u64(g: &mut Guarded<'_>, call: Call) -> Result<u64, Fail> {
    Ok(source(g, &call, Random::Secure)?.u64(call.import())?)
}

pub(super) fn insecure_get_insecure_random_bytes(
    g: &mut Guarded<'_>,
    call: Call,
    len: u64,
) -> Result<Vec<u8>, Fail> {
    bytes(g, &call, Random::Insecure, len)
}

pub(super) fn insecure_get_insecure_random_u64(g: &mut Guarded<'_>, call: Call) -> Result<u64, Fail> {
    Ok(source(g, &call, Random::Insecure)?.u64(call.import())?)
}

pub(super) fn insecure_seed_insecure_seed(g: &mut Guarded<'_>, call: Call) -> Result<(u64, u64), Fail> {
    let source = source(g, &call, Random::Insecure)?;
    Ok((source.u64(call.import())?, source.u64(call.import())?))
}
