"""How the best score grows, arm beside arm, and whether order carries information."""
