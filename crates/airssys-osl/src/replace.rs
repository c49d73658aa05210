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

/// Does what puts the other version in place. A change of policies waits until it is done.
///
/// # Errors
/// [`Denied`] when the permission was lost since it was given; nothing was done.
pub fn replaced<R>(permit: Permit<ComponentReload>, switch: impl FnOnce() -> R) -> Result<R, Denied> {
    let _spent = permit.redeem()?;
    Ok(switch())
}

/// Spends the permission that the other version may do more than the one before.
///
/// # Errors
/// [`Denied`] when it was lost since it was given.
pub fn widened(permit: Permit<ComponentWiden>) -> Result<(), Denied> {
    permit.redeem().map(drop)
}
