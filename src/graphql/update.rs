//! What an update leaves out stays as it is; what it sets to null is taken away.
//!
//! The library does not always tell the two apart: a nullable variable that the request does not send arrives as null
//! (async-graphql 7.2.1). So the request itself is looked at.

use async_graphql::{Context, MaybeUndefined};
use async_graphql_value::Value;

use crate::error::{Refusal, RefusalCode};

/// Whether a field of an argument was given at all, be it null. `path` leads from the argument's value to the field, with dots.
fn is_given(ctx: &Context<'_>, argument: &str, path: &str) -> bool {
    let Some(value) = ctx.item.node.get_argument(argument) else {
        return false;
    };
    let mut value = &value.node;
    for field in path.split('.') {
        match value {
            Value::Object(fields) => match fields.get(field) {
                Some(inner) => value = inner,
                None => return false,
            },
            // An object that is a variable as a whole is told apart by the library.
            _ => return true,
        }
    }
    let Value::Variable(name) = value else {
        return true;
    };
    let operation = &ctx.query_env.operation.node;
    let has_default = operation.variable_definitions.iter().any(|definition| {
        definition.node.name.node == *name && definition.node.default_value.is_some()
    });
    has_default || ctx.query_env.variables.contains_key(name)
}

/// The changes in an argument. Fields are named by their path in it, with dots.
pub struct Changes<'a> {
    ctx: &'a Context<'a>,
    argument: &'static str,
    refusals: Vec<Refusal>,
}

impl<'a> Changes<'a> {
    /// The changes in the `input` of the field that is resolved.
    pub const fn of(ctx: &'a Context<'a>) -> Self {
        Self::in_argument(ctx, "input")
    }

    /// The changes in another argument of the field that is resolved.
    pub const fn in_argument(ctx: &'a Context<'a>, argument: &'static str) -> Self {
        Self {
            ctx,
            argument,
            refusals: Vec::new(),
        }
    }

    /// A change of what may be missing: none where it is left out, none inside where it is taken away.
    pub fn optional<T>(&self, field: &str, value: MaybeUndefined<T>) -> Option<Option<T>> {
        match value {
            MaybeUndefined::Value(value) => Some(Some(value)),
            MaybeUndefined::Null if is_given(self.ctx, self.argument, field) => Some(None),
            MaybeUndefined::Null | MaybeUndefined::Undefined => None,
        }
    }

    /// A change of what must be there: null is refused.
    pub fn required<T>(&mut self, field: &str, value: MaybeUndefined<T>) -> Option<T> {
        match self.optional(field, value)? {
            Some(value) => Some(value),
            None => {
                let message = format!("{field} cannot be taken away: leave it out to keep it");
                self.refusals
                    .push(Refusal::field(RefusalCode::Invalid, field, message));
                None
            }
        }
    }

    /// The end of the changes.
    ///
    /// # Errors
    /// Everything that was refused.
    pub fn finish(self) -> Result<(), crate::error::Error> {
        if self.refusals.is_empty() {
            Ok(())
        } else {
            Err(crate::error::Error::Refused(self.refusals))
        }
    }
}
