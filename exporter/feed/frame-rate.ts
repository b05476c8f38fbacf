/** Seconds over which the rate is averaged. */
const WINDOW_S = 10

/** Counts one frame; returns whether it is within the rate. */
export type FrameRate = (steadyMs: number) => boolean

/** A token bucket: holds ten seconds' worth of frames and fills at the rate. */
export function createFrameRate(perSecond: number): FrameRate {
  const capacity = perSecond * WINDOW_S
  let left = capacity
  let lastMs: number | undefined
  return steadyMs => {
    const passedMs = Math.max(0, steadyMs - (lastMs ?? steadyMs))
    lastMs = steadyMs
    left = Math.min(capacity, left + (passedMs * perSecond) / 1000)
    if (left < 1) return false
    left--
    return true
  }
}
