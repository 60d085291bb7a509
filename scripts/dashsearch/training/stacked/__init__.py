"""Many experiments in one model: layers, dropout, parameters and optimiser with a leading axis E.

Every tensor of a stacked model begins with the axis of its experiments. A model is built for one
experiment (E = 1) and several are joined by `parameters.StackedParameters`; the code of a layer
reads E from its input and never mixes experiments, so a score does not depend on who else is in the
stack.
"""
