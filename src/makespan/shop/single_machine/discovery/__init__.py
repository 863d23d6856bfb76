"""A search for new rules in the manner of FunSearch: islands, proposers, evaluators.

``python -m makespan.shop.single_machine.discovery --help`` runs it.
"""

from makespan.shop.single_machine.discovery.expressions import Tree as Tree
from makespan.shop.single_machine.discovery.expressions import parse as parse
from makespan.shop.single_machine.discovery.expressions import rule_of as rule_of
from makespan.shop.single_machine.discovery.grammar import MutationProposer as MutationProposer
from makespan.shop.single_machine.discovery.islands import Islands as Islands
from makespan.shop.single_machine.discovery.islands import Program as Program
from makespan.shop.single_machine.discovery.loop import Discovery as Discovery
from makespan.shop.single_machine.discovery.loop import Evaluator as Evaluator
from makespan.shop.single_machine.discovery.loop import Proposer as Proposer
from makespan.shop.single_machine.discovery.loop import Step as Step
from makespan.shop.single_machine.discovery.loop import discover as discover
from makespan.shop.single_machine.discovery.model import ModelProposer as ModelProposer
from makespan.shop.single_machine.discovery.sandbox import Sandbox as Sandbox
from makespan.shop.single_machine.discovery.training import (
    ExpressionEvaluator as ExpressionEvaluator,
)
from makespan.shop.single_machine.discovery.training import ProgramEvaluator as ProgramEvaluator
from makespan.shop.single_machine.discovery.training import training_set as training_set
