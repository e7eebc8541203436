//! The one place that knows every task: channels, start order, stop order.
