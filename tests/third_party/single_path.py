"""A third party's strategy: single paths, drawn by Gumbel noise (Dong and Yang, CVPR 2019)."""

from automtl_core.plugin import Relaxation, RelaxedSearch, SearchStrategy, Weighed


class Gumbel(Relaxation):
    def one_of(self, logits, training):
        noise = -(-self.uniform(logits).log()).log() if training else 0.0
        p = (logits + noise).softmax(0)
        k = int(p.argmax())
        return Weighed([k], 1 + p[[k]] - p[[k]].detach())

    def any_of(self, logits, training):
        p = logits.sigmoid()
        drawn = self.uniform(p) < p if training else self.opened(logits)
        return drawn.to(p.dtype) + p - p.detach()


class SinglePath(SearchStrategy):
    def __init__(self, settings, problem):
        super().__init__(settings, problem)
        self.relaxed = RelaxedSearch(problem, Gumbel())

    def search(self, listener):
        while self.relaxed.epoch < 3 and self.relaxed.going_on:
            epoch = self.relaxed.begin("search", listener)
            for batch in epoch:
                epoch.add(self.relaxed.step(batch), batch)
            self.relaxed.end(epoch, listener)
        return self.relaxed.result()

    def state_dict(self):
        return self.relaxed.state_dict()

    def load_state_dict(self, state):
        self.relaxed.load_state_dict(state)
