//! Expressions of policies, in Cedar's JSON form, worked out one node at a time.

use super::naive::{Situation, Uid, uid_of};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What an expression is worth.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Flag(bool),
    Number(i64),
    Text(String),
    Entity(Uid),
    Set(Vec<Value>),
    Record(BTreeMap<String, Value>),
    /// An address and the length of its prefix.
    Address(IpAddr, u32),
}

/// The policy errs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Error;

/// The worth of an expression.
pub(crate) fn evaluate(node: &Json, at: &Situation<'_>) -> Result<Value, Error> {
    let (word, inner) = node.as_object().unwrap().iter().next().unwrap();
    let two = || Ok((evaluate(&inner["left"], at)?, evaluate(&inner["right"], at)?));
    let left = || evaluate(&inner["left"], at);
    Ok(match word.as_str() {
        "Value" => literal(inner),
        "Var" => variable(inner.as_str().unwrap(), at),
        "Set" => Value::Set(each(inner, at)?),
        "!" => Value::Flag(!flag(&evaluate(&inner["arg"], at)?)?),
        "&&" => Value::Flag(flag(&left()?)? && flag(&evaluate(&inner["right"], at)?)?),
        "||" => Value::Flag(flag(&left()?)? || flag(&evaluate(&inner["right"], at)?)?),
        "if-then-else" => {
            let branch = if flag(&evaluate(&inner["if"], at)?)? { "then" } else { "else" };
            evaluate(&inner[branch], at)?
        }
        "==" => two().map(|(a, b)| Value::Flag(a == b))?,
        "<" | "<=" | ">" | ">=" | "+" | "-" | "*" => {
            let (a, b) = two()?;
            arithmetic(word, number(&a)?, number(&b)?)?
        }
        "in" => two().and_then(|(one, of)| Ok(Value::Flag(lies_in(&one, &of, at)?)))?,
        "contains" | "containsAny" | "containsAll" => {
            let (set, other) = two()?;
            Value::Flag(contains(word, &set, other)?)
        }
        "." => attribute(&left()?, name(inner), at)?.ok_or(Error)?,
        "has" => Value::Flag(attribute(&left()?, name(inner), at)?.is_some()),
        "like" => Value::Flag(matches(text(&left()?)?, inner["pattern"].as_array().unwrap())),
        function => called(function, &each(inner, at)?)?,
    })
}

fn each(nodes: &Json, at: &Situation<'_>) -> Result<Vec<Value>, Error> {
    nodes.as_array().unwrap().iter().map(|node| evaluate(node, at)).collect()
}

fn name(node: &Json) -> &str {
    node["attr"].as_str().unwrap()
}

fn variable(name: &str, at: &Situation<'_>) -> Value {
    match name {
        "principal" => Value::Entity(at.principal.clone()),
        "action" => Value::Entity(at.action.clone()),
        "resource" => Value::Entity(at.resource.clone()),
        "context" => at.context.clone(),
        other => panic!("a variable `{other}`"),
    }
}

/// A value in a policy or in an entity file.
fn literal(json: &Json) -> Value {
    match json {
        Json::Bool(flag) => Value::Flag(*flag),
        Json::Number(number) => Value::Number(number.as_i64().unwrap()),
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(all) => Value::Set(all.iter().map(literal).collect()),
        Json::Object(map) if map.contains_key("__entity") => Value::Entity(uid_of(json)),
        Json::Object(map) if map.contains_key("__extn") => address(json["__extn"]["arg"].as_str().unwrap()),
        Json::Object(map) => {
            Value::Record(map.iter().map(|(key, value)| (key.clone(), literal(value))).collect())
        }
        Json::Null => panic!("a null"),
    }
}

fn flag(value: &Value) -> Result<bool, Error> {
    if let Value::Flag(flag) = value { Ok(*flag) } else { Err(Error) }
}

fn number(value: &Value) -> Result<i64, Error> {
    if let Value::Number(number) = value { Ok(*number) } else { Err(Error) }
}

fn text(value: &Value) -> Result<&str, Error> {
    if let Value::Text(text) = value { Ok(text) } else { Err(Error) }
}

fn set(value: &Value) -> Result<&[Value], Error> {
    if let Value::Set(set) = value { Ok(set) } else { Err(Error) }
}

fn arithmetic(word: &str, a: i64, b: i64) -> Result<Value, Error> {
    Ok(match word {
        "<" => Value::Flag(a < b),
        "<=" => Value::Flag(a <= b),
        ">" => Value::Flag(a > b),
        ">=" => Value::Flag(a >= b),
        "+" => Value::Number(a.checked_add(b).ok_or(Error)?),
        "-" => Value::Number(a.checked_sub(b).ok_or(Error)?),
        _ => Value::Number(a.checked_mul(b).ok_or(Error)?),
    })
}

fn lies_in(one: &Value, of: &Value, at: &Situation<'_>) -> Result<bool, Error> {
    match (one, of) {
        (Value::Entity(one), Value::Entity(other)) => Ok(at.world.lies_in(one, other)),
        (Value::Entity(_), Value::Set(all)) => {
            let each: Result<Vec<bool>, Error> = all.iter().map(|other| lies_in(one, other, at)).collect();
            Ok(each?.contains(&true))
        }
        _ => Err(Error),
    }
}

fn contains(word: &str, all: &Value, other: Value) -> Result<bool, Error> {
    let all = set(all)?;
    Ok(match word {
        "contains" => all.contains(&other),
        "containsAny" => set(&other)?.iter().any(|one| all.contains(one)),
        _ => set(&other)?.iter().all(|one| all.contains(one)),
    })
}

fn attribute(of: &Value, name: &str, at: &Situation<'_>) -> Result<Option<Value>, Error> {
    match of {
        Value::Entity(uid) => Ok(at.world.attribute(uid, name).map(literal)),
        Value::Record(map) => Ok(map.get(name).cloned()),
        _ => Err(Error),
    }
}

/// `like`: each star is tried with every end of what is left.
fn matches(text: &str, pattern: &[Json]) -> bool {
    let Some((first, rest)) = pattern.split_first() else { return text.is_empty() };
    if let Some(literal) = first.get("Literal").and_then(Json::as_str) {
        return text.strip_prefix(literal).is_some_and(|left| matches(left, rest));
    }
    let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    ends.into_iter().any(|at| matches(&text[at..], rest))
}

fn called(function: &str, with: &[Value]) -> Result<Value, Error> {
    Ok(match (function, with) {
        ("ip", [Value::Text(written)]) => address(written),
        ("isLoopback", [Value::Address(ip, _)]) => Value::Flag(ip.is_loopback()),
        ("isMulticast", [Value::Address(ip, _)]) => Value::Flag(ip.is_multicast()),
        ("isInRange", [Value::Address(ip, 32 | 128), Value::Address(net, prefix)]) => {
            Value::Flag(in_range(*ip, *net, *prefix))
        }
        (_, [_, ..]) => return Err(Error),
        _ => panic!("a function `{function}`"),
    })
}

fn address(written: &str) -> Value {
    let (ip, prefix) = written.split_once('/').map_or((written, None), |(ip, prefix)| (ip, Some(prefix)));
    let ip: IpAddr = ip.parse().unwrap();
    let whole = if ip.is_ipv4() { 32 } else { 128 };
    Value::Address(ip, prefix.map_or(whole, |prefix| prefix.parse().unwrap()))
}

fn in_range(ip: IpAddr, net: IpAddr, prefix: u32) -> bool {
    // The first `prefix` bits, of a type with room for one more.
    let head = |bits: u128, of: u32| bits.checked_shr(of - prefix).unwrap_or(0);
    match (ip, net) {
        (IpAddr::V4(ip), IpAddr::V4(net)) => {
            head(u128::from(ip.to_bits()), 32) == head(u128::from(net.to_bits()), 32)
        }
        (IpAddr::V6(ip), IpAddr::V6(net)) => head(ip.to_bits(), 128) == head(net.to_bits(), 128),
        _ => false,
    }
}
