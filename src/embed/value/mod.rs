//! Values in and out of a component: serde values and WAVE text, judged by the component's own types.
//!
//! A call from outside has no generated bindings to lean on, so the type that counts is the one the component exports. Everything
//! here is directed by it: [`lower`] takes any [`serde::Serialize`] value apart against the parameters' types, [`lift`] offers a
//! result to any [`serde::Deserialize`] type, and [`parse_call`] reads the command line's `name(value, …)`. Nothing passes through
//! JSON, so `NaN`, 64-bit integers and bytes survive. Each refusal is a [`ValueError`] that says where and what was expected.
//!
//! # How Rust and WIT types meet
//!
//! | WIT | from Rust (`lower`) | to Rust (`lift`) |
//! |---|---|---|
//! | integers | any integer in range | any integer type that can hold it |
//! | `f32`, `f64` | floats (a `f64` is rounded to `f32`, unless it overflows), integers they hold exactly | floats |
//! | `char` | `char`, a string of one character | `char`, `String` |
//! | `list<T>` | sequences, arrays; `list<u8>` also bytes; `list<tuple<K, V>>` also maps | `Vec`; bytes; maps |
//! | `record` | structs and maps; an absent optional field is `none` | structs and maps |
//! | `tuple` | tuples, arrays, sequences of just that length | the same |
//! | `variant`, `enum`, `result` | enums; a string or a map of one entry | enums; else the same as a string or such a map |
//! | `option` | `Option`; `()` is `none`; a bare value is `some` | `Option` |
//! | `flags` | a sequence of names; a struct or map of `bool` | the same |
//! | handles: resources, streams, futures | refused | refused |
//!
//! Names: `snake_case` stands for `kebab-case` everywhere, `PascalCase` also for cases and flags. A map gets the names as the
//! component spells them; so does a struct that uses `#[serde(flatten)]`, or an untagged enum, because serde then asks for a map.
//!
//! # Arguments
//!
//! A function of one parameter takes the input itself, never a tuple of one (which could as well be the parameter's own value).
//! A function without parameters takes `()`. With several, the input is a tuple or sequence of their number, or a struct or map by
//! the parameters' names, where an optional parameter may be left out.

mod error;
mod function;
mod lift;
mod lower;
mod names;
mod text;
mod wave;

pub use crate::kernel::{Function, functions};
pub use error::{Place, Problem, ValueError};
pub use function::{callable, find_function, params, result_type};
pub use lift::{lift, lift_result};
pub use lower::lower;
pub use text::{signature, type_text};
pub use wave::{CallExpr, args_from_wave, parse_call, to_wave};

/// How deep a value may be nested.
///
/// A component's types are at most 100 deep, so this bounds only wrappers on the Rust side which add no level of their own.
const MAX_DEPTH: usize = 128;
