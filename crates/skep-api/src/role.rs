//! The hidden first arguments by which the one binary takes another role.

/// `skep __keeper DIR`: the keeper of the attempt whose `spec.json` is in DIR.
pub const KEEPER: &str = "__keeper";
/// `skep __warden [--lock FILE] [--grace-ms N] [--spare NAME]… -- CMD…`: ends CMD's whole tree when its own parent dies.
pub const WARDEN: &str = "__warden";
/// `skep __stage …`: the second exec stage, between a warden and its agent.
pub const STAGE: &str = "__stage";
/// `skep __effect`: one host effect, read as JSON from standard input, its report written as JSON to standard output.
pub const EFFECT: &str = "__effect";
/// `skep __agent scripted FILE`: the shipped scripted agent.
pub const AGENT: &str = "__agent";
/// `skep __hook NAME [JSON]`: hands what an agent's hook is told to the agent's keeper; it never fails and never waits long.
pub const HOOK: &str = "__hook";
