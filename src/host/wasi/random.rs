//! wasi:random: both sources draw from the operating system's generator.

use crate::kernel::{Call, Fail, Guarded, State};
use airssys_osl::{Random, random};

/// Asking for more than one call may give is a trap, as the interface has no other way to say so.
fn check(g: &Guarded<'_>, len: u64) -> Result<(), Fail> {
    let limits = &g.state.meter.limits;
    if len <= limits.random_bytes_per_call.get() {
        return Ok(());
    }
    let exceeded = limits.out_of_random();
    g.exceed(exceeded);
    Err(Fail::Trap(wasmtime::Error::new(exceeded)))
}

/// Draws by the standing permission, which is asked for at its first use.
fn draw(g: &mut Guarded<'_>, call: &Call, which: Random, bytes: &mut [u8]) -> Result<(), Fail> {
    check(g, bytes.len() as u64)?;
    let State { session, ambient, .. } = &mut *g.state;
    let slot = match which {
        Random::Secure => &mut ambient.secure,
        Random::Insecure => &mut ambient.insecure,
    };
    if let Some(source) = slot {
        return Ok(source.fill(bytes, call.import())?);
    }
    let permit = session.authorize(which, call.import())?;
    *slot = Some(random::Source::begin(permit, bytes)?);
    Ok(())
}

fn number(g: &mut Guarded<'_>, call: &Call, which: Random) -> Result<u64, Fail> {
    let mut bytes = [0; 8];
    draw(g, call, which, &mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}

fn bytes(g: &mut Guarded<'_>, call: &Call, which: Random, len: u64) -> Result<Vec<u8>, Fail> {
    check(g, len)?;
    let len = usize::try_from(len).map_err(|_| Fail::Trap(wasmtime::Error::msg("too many bytes")))?;
    let mut bytes = vec![0; len];
    draw(g, call, which, &mut bytes)?;
    Ok(bytes)
}

pub(super) fn random_get_random_bytes(g: &mut Guarded<'_>, call: Call, len: u64) -> Result<Vec<u8>, Fail> {
    bytes(g, &call, Random::Secure, len)
}

pub(super) fn random_get_random_u64(g: &mut Guarded<'_>, call: Call) -> Result<u64, Fail> {
    number(g, &call, Random::Secure)
}

pub(super) fn insecure_get_insecure_random_bytes(
    g: &mut Guarded<'_>,
    call: Call,
    len: u64,
) -> Result<Vec<u8>, Fail> {
    bytes(g, &call, Random::Insecure, len)
}

pub(super) fn insecure_get_insecure_random_u64(g: &mut Guarded<'_>, call: Call) -> Result<u64, Fail> {
    number(g, &call, Random::Insecure)
}

pub(super) fn insecure_seed_insecure_seed(g: &mut Guarded<'_>, call: Call) -> Result<(u64, u64), Fail> {
    // One question for both halves, as it is one call.
    let mut bytes = [[0; 8]; 2];
    draw(g, &call, Random::Insecure, bytes.as_flattened_mut())?;
    let [first, second] = bytes.map(u64::from_ne_bytes);
    Ok((first, second))
}
