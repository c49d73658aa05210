//! The shape of the project, read from its sources: who may name what, and how long things may be.
//!
//! `tables` is the page to read: the layers, the owners of each hazard, the exceptions with their reasons. The rest
//! reads every `.rs` file with `syn` and compares. `selftest` runs each check on small sources in which it must
//! find something, so that none of them passes because it has gone blind.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stand outside the gate and may fail loudly"
)]

mod manifests;
mod mentions;
mod names;
mod prior_failures;
mod rules;
mod selftest;
mod shape;
mod tables;
mod tree;

use tree::Tree;

/// Fails with everything found at once, one line each.
#[track_caller]
fn nothing(found: &[String]) {
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn no_layer_names_a_layer_above_or_beside_it() {
    nothing(&rules::layers(&Tree::of_this_workspace(), tables::LAYERS));
}

#[test]
fn no_hazard_is_named_outside_its_owner() {
    nothing(&rules::owners(&Tree::of_this_workspace(), tables::OWNERS));
}

#[test]
fn no_row_of_the_tables_outlives_its_use() {
    nothing(&rules::stale(&Tree::of_this_workspace(), tables::OWNERS, tables::MINTS));
}

#[test]
fn no_proof_is_minted_outside_its_one_file() {
    nothing(&rules::mints(&Tree::of_this_workspace(), tables::MINTS));
}

#[test]
fn no_code_is_unsafe_outside_its_one_module() {
    nothing(&rules::unsafe_code(&Tree::of_this_workspace(), tables::UNSAFE));
}

#[test]
fn no_source_is_pulled_in_past_these_checks() {
    nothing(&rules::evasions(&Tree::of_this_workspace()));
}

#[test]
fn no_file_and_no_function_is_too_long() {
    let tree = Tree::of_this_workspace();
    println!("{}", shape::report(&tree));
    nothing(&shape::too_long(&tree, tables::LONG_FUNCTIONS));
}

#[test]
fn no_member_goes_without_the_common_lints_or_depends_past_its_layer() {
    nothing(&manifests::of_this_workspace());
}

#[test]
fn no_known_failure_points_to_a_test_that_is_gone() {
    let root =
        std::path::PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs the tests"));
    let page = std::fs::read_to_string(root.join(prior_failures::PAGE)).unwrap();
    nothing(&prior_failures::without_test(&Tree::of_this_workspace(), &page));
}
