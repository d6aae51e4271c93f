"""Evolution on payoffs A[own type, other type]: who takes over, how long it takes, what is left in the end."""

from .basins import Basin, basins
from .best_response import best_response_dynamics
from .brown_von_neumann_nash import brown_von_neumann_nash
from .coalescence import coalescence_times, critical_benefit_cost
from .ecological import ecological
from .first_passage import first_passage_times
from .fixation import fixation_probabilities
from .fixation_times import FixationTimes, fixation_times
from .graph_fixation import graph_fixation, graph_fixation_probabilities
from .group_game import GroupGame, group_game
from .imitation import imitation
from .invasion_graph import invasion_graph
from .logit import logit, logit_rest_points
from .mutation_chain import MutationDistribution, mutation_distribution
from .networks import network_fixation, network_game
from .population_game import PopulationGame
from .replicator import replicator, replicator_two_populations
from .replicator_on_graphs import payoffs_on_graph
from .rest_points import RestPoint, rest_point, rest_points
from .selection_gradient import selection_gradient
from .simulate import Fixations, simulate_fixation
from .small_mutation import SmallMutationChain, small_mutation_chain, small_mutation_distribution
from .smith import smith
from .spatial import spatial_game
from .stability import (
    DriftEdge,
    TypeStability,
    drift_edges,
    is_evolutionarily_stable,
    is_neutrally_stable,
    risk_dominance,
    stability,
)
from .structured import StructuredRun

__all__ = [
    "Basin",
    "DriftEdge",
    "FixationTimes",
    "Fixations",
    "GroupGame",
    "MutationDistribution",
    "PopulationGame",
    "RestPoint",
    "SmallMutationChain",
    "StructuredRun",
    "TypeStability",
    "basins",
    "best_response_dynamics",
    "brown_von_neumann_nash",
    "coalescence_times",
    "critical_benefit_cost",
    "drift_edges",
    "ecological",
    "first_passage_times",
    "fixation_probabilities",
    "fixation_times",
    "graph_fixation",
    "graph_fixation_probabilities",
    "group_game",
    "imitation",
    "invasion_graph",
    "is_evolutionarily_stable",
    "is_neutrally_stable",
    "logit",
    "logit_rest_points",
    "mutation_distribution",
    "network_fixation",
    "network_game",
    "payoffs_on_graph",
    "replicator",
    "replicator_two_populations",
    "rest_point",
    "rest_points",
    "risk_dominance",
    "selection_gradient",
    "simulate_fixation",
    "small_mutation_chain",
    "small_mutation_distribution",
    "smith",
    "spatial_game",
    "stability",
]
