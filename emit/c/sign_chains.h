#pragma once

namespace qc::c {

struct Plan;

/// Makes one call of Clip, Sign, Add and Sign in a row: the signs without zero that passes put in
/// front of layers (BNN, arXiv 1602.02830, equation 1). The steps whose outputs are not read any
/// more are left in the plan.
void join_sign_chains(Plan& plan);

}  // namespace qc::c
