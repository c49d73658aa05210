//! Putting a component, or another version of it, in its place, as an effect: what was permitted is done while that is
//! counted.

use crate::action::{ComponentLoad, ComponentReload, ComponentWiden};
use crate::gate::{Denied, Permit};

/// Does what puts a component in the place that its name is. A change of policies waits until it is done.
///
/// # Errors
/// [`Denied`] when the permission was lost since it was given; nothing was done.
pub fn loaded<R>(permit: Permit<ComponentLoad>, placed: impl FnOnce() -> R) -> Result<R, Denied> {
    let _spent = permit.redeem()?;
    Ok(placed())
}

/// By what another version takes a place: each of these is spent at the very switch.
#[derive(Debug)]
pub struct Succession {
    /// That it may.
    pub reload: Permit<ComponentReload>,
    /// That it may do more than the one before, where it would.
    pub widen: Option<Permit<ComponentWiden>>,
    /// That it may run under that name at all.
    pub load: Permit<ComponentLoad>,
}

/// Does what puts the other version in place. A change of policies waits until it is done.
///
/// # Errors
/// [`Denied`] when a permission was lost since it was given; nothing was done.
pub fn replaced<R>(by: Succession, switch: impl FnOnce() -> R) -> Result<R, Denied> {
    let _spent = (by.reload.redeem()?, by.widen.map(Permit::redeem).transpose()?, by.load.redeem()?);
    Ok(switch())
}
