//! Total functions over text that strangers wrote: slugs, short forms, safe display.
//!
//! Owns: every place where a title or a name becomes part of a name of ours.
//! Never: fails, slices inside a character, or lets an escape sequence through.

#[cfg(test)]
mod tests;
