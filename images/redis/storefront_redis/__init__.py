"""What surrounds Redis in its pods: who may start as primary, which pod is labelled so, a stop without loss.

Elections are Sentinel's. These programs only hold on to its word: a member asks it before it starts
(`member`, `start_rule`), the labels of the pods follow it (`labeller`, `roles`), and a primary that is stopped hands
over first (`handover`). They use the standard library alone, for they stay in memory.
"""
