package plan_test

import _ "patchbay/engine/enginetest/fault" // the flags of the fault suite
