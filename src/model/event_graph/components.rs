//! Groups of nodes that can reach each other.

use super::{Edge, EventGraph};

impl<'a> EventGraph<'a> {
    /// Groups of nodes that can reach each other after the plan, over the edges that are followed: the strongly connected
    /// components, by Tarjan's algorithm. It uses an explicit stack, so a chain of functions can have any length. The groups
    /// and their nodes are sorted.
    pub fn components(&self, is_followed: impl Fn(&Edge<'a>) -> bool) -> Vec<Vec<usize>> {
        const UNSEEN: usize = usize::MAX;
        let after = |node: usize, edge: usize| {
            let edge = &self.edges[*self.nodes[node].out.get(edge)?];
            Some(edge.lifetime.after().filter(|_| is_followed(edge)).map(|end| end.node))
        };
        let count = self.nodes.len();
        let (mut order, mut low, mut on_stack) = (vec![UNSEEN; count], vec![0; count], vec![false; count]);
        let (mut stack, mut components, mut seen) = (Vec::new(), Vec::new(), 0);
        for root in 0..count {
            let mut calls = if order[root] == UNSEEN { vec![(root, 0)] } else { Vec::new() };
            while let Some((node, next)) = calls.pop() {
                if next == 0 {
                    (order[node], low[node]) = (seen, seen);
                    seen += 1;
                    stack.push(node);
                    on_stack[node] = true;
                } else if let Some(Some(child)) =
                    after(node, next - 1).filter(|child| child.is_some_and(|it| on_stack[it]))
                {
                    // The search has returned from the edge before this one.
                    low[node] = low[node].min(low[child]);
                }
                if let Some(child) = after(node, next) {
                    calls.push((node, next + 1));
                    calls.extend(child.filter(|child| order[*child] == UNSEEN).map(|child| (child, 0)));
                } else if low[node] == order[node] {
                    let start = stack.iter().rposition(|member| *member == node).unwrap_or(0);
                    let mut component = stack.split_off(start);
                    for member in &component {
                        on_stack[*member] = false;
                    }
                    component.sort_unstable();
                    components.push(component);
                }
            }
        }
        components.sort_unstable();
        components
    }
}
